"""How a canary's fields are refused: paths and texts that several tables of rules share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rollouts.api.parse import shown
from rollouts.api.rollout import RolloutArgument
from rollouts.core.errors import Refusal

_METADATA = re.compile(r"metadata\.(name|namespace|uid|labels|annotations|(labels|annotations)\['[^']+'\])")


def of_canary(reason: str, field: str, text: str, fix: str, *, got: str = "", kind: str = "Invalid value") -> Refusal:
    """A refusal of a canary's field; the contract's condition leaves `canary` out of its path."""
    at = f"spec.strategy.canary.{field}"
    return Refusal(reason, at, text, fix=fix, kind=kind, got=got, told_at=f"spec.strategy.{field}")


def field_refs(args: Sequence[RolloutArgument], at: str, told_at: str) -> Iterator[Refusal]:
    """Arguments that point at metadata which no pod could point at either."""
    for index, arg in enumerate(args):
        ref = arg.value_from.field_ref if arg.value_from else None
        if ref and ref.field_path.startswith("metadata") and not _METADATA.fullmatch(ref.field_path):
            yield Refusal(
                "FieldRefInvalid",
                f"{at}.args[{index}].valueFrom.fieldRef.fieldPath",
                "Analyses arguments must refer to valid object metadata supported by downwardAPI",
                fix="metadata.name, namespace or uid, metadata.labels['x'], metadata.annotations['x']",
                got=shown([each.model_dump(by_alias=True, exclude_defaults=True) for each in args]),
                told_at=told_at,
            )
