"""The chain of refusals: what a Rollout must say and find before anything is done for it.

One validator for the controller and for lint. The first refusal speaks in the condition InvalidSpec; all of them
appear in the event and in lint. Read `spec_rules.py` and `reference_rules.py` for the rules themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from rollouts.api.parse import REFUSALS_MAX, ParsedRollout, parse_rollout
from rollouts.api.rollout import RolloutSpec
from rollouts.core.errors import Refusal
from rollouts.delivery.reference_rules import REFERENCE_RULES, References
from rollouts.delivery.spec_rules import SPEC_RULES, pod_rules
from rollouts.kube.ref import Manifest

__all__ = [
    "REFERENCE_RULES",
    "SPEC_RULES",
    "Checked",
    "References",
    "check",
    "condition_message",
    "field_error",
    "pod_refusals",
    "reference_refusals",
    "refusals",
]

_WITHOUT_VALUE = frozenset({"Required value", "Forbidden", "Too long", "Internal error"})


@dataclass(frozen=True, slots=True)
class Checked:
    """A Rollout's spec and what is wrong with it in itself: the same for a whole generation of the object."""

    parsed: ParsedRollout
    refusals: tuple[Refusal, ...]


def check(manifest: Manifest) -> Checked:
    """Parse a Rollout and judge its spec; made for `Reader.parsed`, which does it once per generation."""
    parsed = parse_rollout(manifest)
    return Checked(parsed, refusals(parsed, None))


def refusals(parsed: ParsedRollout, references: References | None) -> tuple[Refusal, ...]:
    """Everything that is wrong, in the contract's order.

    references: None judges the spec alone.  As in the contract, references are looked at once the spec is right.
    """
    if parsed.spec is None:
        return parsed.refusals
    found = (*parsed.refusals, *SPEC_RULES.all(parsed.spec))
    if not found and references is not None:
        return reference_refusals(references)
    return found[:REFUSALS_MAX]


def pod_refusals(spec: RolloutSpec) -> tuple[Refusal, ...]:
    """What is wrong with the selector and the template that a workload gives to a Rollout."""
    return tuple(islice(pod_rules(spec), REFUSALS_MAX))


def reference_refusals(references: References) -> tuple[Refusal, ...]:
    """What is wrong around a Rollout whose spec is right: these may change at any time, the spec's only with it."""
    return tuple(islice(REFERENCE_RULES.all(references), REFUSALS_MAX))


def field_error(refusal: Refusal) -> str:
    """The refusal as Kubernetes words a field error: `path: type: value: detail`."""
    parts = [refusal.told_at or refusal.at, refusal.kind]
    if refusal.got and refusal.kind not in _WITHOUT_VALUE:
        parts.append(refusal.got)
    if refusal.text:
        parts.append(refusal.text)
    return ": ".join(parts)


def condition_message(name: str, refusal: Refusal) -> str:
    """The message of the condition InvalidSpec for a Rollout of that name."""
    return f'The Rollout "{name}" is invalid: {field_error(refusal)}'
