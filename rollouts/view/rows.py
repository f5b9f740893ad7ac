"""Many Rollouts, or many Experiments, as one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import facts, health, table
from rollouts.view.age import age, span
from rollouts.view.phase import phase_of
from rollouts.view.style import Style, clean

HEADINGS = ("NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE", "AVAILABLE")
EXPERIMENT_HEADINGS = ("NAME", "STATUS", "DURATION", "REMAINING", "AGE")
WIDE = ("AGE", "IMAGES", "MESSAGE")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a list has beside those of its kind: the moment, the namespace, and more facts at the end."""

    timestamps: bool = False
    namespaces: bool = False
    wide: bool = False

    def lead(self) -> tuple[str, ...]:
        """The headings before a kind's own."""
        return (*(("TIMESTAMP",) if self.timestamps else ()), *(("NAMESPACE",) if self.namespaces else ()))

    def led(self, manifest: Manifest, now: Instant) -> tuple[str, ...]:
        """The cells under `lead`."""
        moment = (now.rfc3339_whole(),) if self.timestamps else ()
        return (*moment, *((clean(obj.namespace(manifest)),) if self.namespaces else ()))


def ordered(manifests: Iterable[Manifest]) -> list[Manifest]:
    """As a list shows them: by namespace and name."""
    return sorted(manifests, key=lambda each: (obj.namespace(each), obj.name(each)))


def rollouts(manifests: Iterable[Manifest], now: Instant, style: Style, columns: Columns) -> list[str]:
    """The headings, and a line for each Rollout, ordered."""
    made = [
        (*columns.led(each, now), *row(each, style), *(_wide(each, now) if columns.wide else ()))
        for each in ordered(manifests)
    ]
    return table.lines((*columns.lead(), *HEADINGS, *(WIDE if columns.wide else ())), made)


def row(rollout: Manifest, style: Style) -> tuple[str, ...]:
    """One Rollout under HEADINGS; `-` where a strategy has no such thing.

    The status is a word without an icon, so that scripts may count columns.
    """
    phase, numbers = phase_of(rollout), facts.counts(rollout)
    is_canary = facts.strategy(rollout) == "Canary"
    return (
        clean(obj.name(rollout)),
        facts.strategy(rollout),
        style.word(phase.state, clean(phase.name)),
        (facts.step(rollout) if is_canary else "") or "-",
        str(facts.set_weight(rollout)) if is_canary else "-",
        f"{numbers.ready}/{numbers.current}",
        str(numbers.desired),
        str(numbers.updated),
        str(numbers.available),
    )


def experiments(manifests: Iterable[Manifest], now: Instant, style: Style, columns: Columns) -> list[str]:
    """The headings, and a line for each Experiment, ordered."""
    made = [
        (
            *columns.led(each, now),
            *trial_row(each, style),
            _remaining(each, now),
            age(obj.created(each), now),
            *((clean(facts.status(each).get("message") or "-"),) if columns.wide else ()),
        )
        for each in ordered(manifests)
    ]
    return table.lines((*columns.lead(), *EXPERIMENT_HEADINGS, *(("MESSAGE",) if columns.wide else ())), made)


def trial_row(trial: Manifest, style: Style) -> tuple[str, ...]:
    """One Experiment under the headings that no clock moves."""
    lasts_s, (state, word) = _duration_s(trial), health.of_run(trial)
    return clean(obj.name(trial)), style.word(state, clean(word)), "-" if lasts_s is None else span(lasts_s)


def _duration_s(trial: Manifest) -> float | None:
    """How long an Experiment is to run; None where nobody said, or nobody can read it."""
    try:
        return parse_s(str(facts.spec(trial).get("duration") or ""))
    except AnalysisError:
        return None


def _remaining(trial: Manifest, now: Instant) -> str:
    """The time that a running Experiment still has, counted from when all its pods were available."""
    lasts_s, seen = _duration_s(trial), facts.status(trial)
    begun = Instant.parse(seen.get("availableAt"))
    if lasts_s is None or begun is None or seen.get("phase") in health.OVER:
        return "-"
    left_s = lasts_s - now.since(begun)
    return span(left_s) if left_s > 0 else "-"


def _wide(rollout: Manifest, now: Instant) -> tuple[str, ...]:
    images = ",".join(clean(image) for image in facts.template_images(rollout))
    return (age(obj.created(rollout), now), images or "-", clean(phase_of(rollout).message) or "-")
