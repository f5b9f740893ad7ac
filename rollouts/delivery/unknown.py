"""Fields that this version does not know: they do nothing, and the user is told so.

Our own CRDs drop them before they are stored; those of a later version, or of another controller, may keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.core.plan import Note
from rollouts.delivery import notes
from rollouts.delivery.seen import DeliverySeen
from rollouts.kube.conditions import Condition, find

UNKNOWN_FIELD = "UnknownField"
FIELDS_TOLD_MAX = 10
_PATH_CHARACTERS_MAX = 200


def condition(seen: DeliverySeen) -> Condition | None:
    """What is ignored; None where every field is known."""
    if not seen.unknown:
        return None
    told = [path[:_PATH_CHARACTERS_MAX] for path in seen.unknown[:FIELDS_TOLD_MAX]]
    more = len(seen.unknown) - len(told)
    words = ", ".join(told) + (f" and {more} more" if more else "")
    return Condition(UNKNOWN_FIELD, "True", UNKNOWN_FIELD, f"not known to this version, and ignored: {words}")


def news(seen: DeliverySeen, status: Mapping[str, Any]) -> Iterator[Note]:
    """The event of a status write that tells of unknown fields for the first time, or of others than before."""
    said = find(status.get("conditions"), UNKNOWN_FIELD).get("message")
    if said and said != find(seen.status.get("conditions"), UNKNOWN_FIELD).get("message"):
        yield notes.unknown_fields(seen, said)
