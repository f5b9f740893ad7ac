"""Many Rollouts, or many Experiments, as one table."""

from __future__ import annotations

from collections.abc import Iterable

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import facts, health, table
from rollouts.view.age import age
from rollouts.view.phase import phase_of
from rollouts.view.style import Style, clean

HEADINGS = ("NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE")
EXPERIMENT_HEADINGS = ("NAME", "STATUS", "DURATION", "AGE")
WIDE = ("AGE", "IMAGES", "MESSAGE")


def rollouts(
    manifests: Iterable[Manifest], now: Instant, style: Style, *, namespaces: bool = False, wide: bool = False
) -> list[str]:
    """The list as lines, ordered by namespace and name. namespaces: lead with the NAMESPACE column."""
    ordered = sorted(manifests, key=lambda each: (obj.namespace(each), obj.name(each)))
    headings = (*(("NAMESPACE",) if namespaces else ()), *HEADINGS, *(WIDE if wide else ()))
    rows = [
        (
            *((clean(obj.namespace(each)),) if namespaces else ()),
            *row(each, style),
            *(_wide(each, now) if wide else ()),
        )
        for each in ordered
    ]
    return table.lines(headings, rows)


def row(rollout: Manifest, style: Style) -> tuple[str, ...]:
    """One Rollout under HEADINGS; `-` where a strategy has no such thing."""
    phase, numbers = phase_of(rollout), facts.counts(rollout)
    is_canary = facts.strategy(rollout) == "Canary"
    total = len(facts.steps(rollout))
    return (
        clean(obj.name(rollout)),
        facts.strategy(rollout),
        style.status(phase.state, clean(phase.name)),
        f"{facts.step_index(rollout)}/{total}" if total else "-",
        str(facts.set_weight(rollout)) if is_canary else "-",
        f"{numbers.ready}/{numbers.current}",
        str(numbers.desired),
        str(numbers.updated),
        str(numbers.available),
    )


def experiments(
    manifests: Iterable[Manifest], now: Instant, style: Style, *, namespaces: bool = False, wide: bool = False
) -> list[str]:
    """The list of Experiments as lines; see `rollouts`."""
    ordered = sorted(manifests, key=lambda each: (obj.namespace(each), obj.name(each)))
    lead = ("NAMESPACE",) if namespaces else ()
    rows = [
        (
            *((clean(obj.namespace(each)),) if namespaces else ()),
            clean(obj.name(each)),
            style.status(*health.of_run(each)),
            clean(facts.spec(each).get("duration") or "-"),
            age(obj.created(each), now),
            *((clean(facts.status(each).get("message") or "-"),) if wide else ()),
        )
        for each in ordered
    ]
    return table.lines((*lead, *EXPERIMENT_HEADINGS, *(("MESSAGE",) if wide else ())), rows)


def _wide(rollout: Manifest, now: Instant) -> tuple[str, ...]:
    images = ",".join(clean(image) for image in facts.template_images(rollout))
    return (age(obj.created(rollout), now), images or "-", clean(phase_of(rollout).message) or "-")
