"""What happened to a Rollout, moment by moment: weights, steps, pauses and verdicts of this and past revisions.

Told from what the cluster keeps: Events (an hour, by the API server's default), AnalysisRuns and ReplicaSets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import events, facts, table
from rollouts.view.facts import World
from rollouts.view.style import Role, State, Style, clean

What: TypeAlias = Literal["revision", "weight", "step", "paused", "resumed", "aborted", "completed", "measured",
                          "verdict", "other", "now"]  # fmt: skip

MOMENTS_MAX = 5000
BAR_CELLS = 20
_QUIET = frozenset({"ScalingReplicaSet", "CreatingCanaryIngress", "PatchingCanaryIngress", "RolloutAddedToInformer",
                    "NewReplicaSetCreated", "RolloutNotCompleted"})  # fmt: skip
_KINDS: Mapping[str, What] = {
    "RolloutUpdated": "revision",
    "TrafficWeightUpdated": "weight",
    "RolloutStepCompleted": "step",
    "RolloutPaused": "paused",
    "RolloutResumed": "resumed",
    "RolloutAborted": "aborted",
    "RolloutCompleted": "completed",
}
_REVISION = re.compile(r"revision (\d{1,9})\b", re.ASCII)
_WEIGHT = re.compile(r"Traffic weight updated (?:from \d+ )?to (\d{1,9})", re.ASCII)
_STEP = re.compile(r"Rollout step (\d{1,4})/(\d{1,4}) completed", re.ASCII)
_STATES = {
    "Successful": State.OK,
    "Failed": State.BAD,
    "Error": State.WARNING,
    "Inconclusive": State.UNKNOWN,
    "Running": State.PROGRESSING,
}
_ICONS: Mapping[What, State] = {
    "revision": State.PROGRESSING,
    "weight": State.PROGRESSING,
    "step": State.OK,
    "paused": State.PAUSED,
    "resumed": State.PROGRESSING,
    "aborted": State.BAD,
    "completed": State.OK,
    "now": State.NEUTRAL,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. weight: the canary's from here on, None: unchanged.  step: done by now, None: unchanged.

    verdict: of a measurement or a run.  metric: what was measured.  is_quiet: only told where everything is.
    """

    at: Instant
    what: What
    text: str
    revision: int = 0
    weight: int | None = None
    step: int | None = None
    verdict: str = ""
    metric: str = ""
    is_quiet: bool = False


def timeline(world: World, now: Instant, *, revisions: int = 0, everything: bool = False) -> tuple[Moment, ...]:
    """The moments in order, the present one last. revisions: how many of the newest, 0: all that are kept."""
    told = [*_told(world), *_runs(world)]
    begun = {moment.revision for moment in told if moment.what == "revision"}
    told += [moment for moment in _revisions(world) if moment.revision not in begun]
    ordered = _numbered(sorted(told, key=lambda moment: (moment.at, moment.what == "measured")))
    known = sorted({moment.revision for moment in ordered if moment.revision}, reverse=True)
    wanted = set(known[:revisions] if revisions else known) or {0}
    kept = [each for each in ordered if each.revision in wanted and (everything or not each.is_quiet)]
    return (*kept[-MOMENTS_MAX:], _present(world, now, known[0] if known else 0))


def _told(world: World) -> Iterator[Moment]:
    for event in sorted(world.events, key=lambda each: (events.when(each) or Instant(0), obj.name(each))):
        first, last = Instant.parse(event.get("firstTimestamp")), events.when(event)
        for at in sorted({moment for moment in (first, last) if moment is not None}):
            yield _event(event, at)


def _event(event: Manifest, at: Instant) -> Moment:
    reason, message = str(event.get("reason", "")), str(event.get("message", ""))
    what = _KINDS.get(reason, "verdict" if reason.startswith("AnalysisRun") else "other")
    revision, weight, step = _REVISION.search(message), _WEIGHT.match(message), _STEP.match(message)
    is_start = what in ("revision", "aborted", "completed")
    return Moment(
        at,
        what,
        message or reason,
        revision=int(revision[1]) if revision and is_start else 0,
        weight=int(weight[1]) if weight else None,
        step=int(step[1]) if step else None,
        verdict=reason.removeprefix("AnalysisRun") if what == "verdict" else "",
        is_quiet=reason in _QUIET,
    )


def _runs(world: World) -> Iterator[Moment]:
    for run in facts.owned(world.runs, world.rollout):
        for metric in facts.status(run).get("metricResults") or ():
            yield from _measurements(run, metric)


def _measurements(run: Manifest, metric: Mapping[str, Any]) -> Iterator[Moment]:
    name = str(metric.get("name", ""))
    for taken in metric.get("measurements") or ():
        at = Instant.parse(taken.get("finishedAt")) or Instant.parse(taken.get("startedAt"))
        if at is not None:
            value = taken.get("value") if taken.get("value") is not None else taken.get("message") or "no value"
            text = f"{name} = {value}"
            phase = str(taken.get("phase") or "")
            yield Moment(at, "measured", text, revision=facts.revision(run), verdict=phase, metric=name)


def _revisions(world: World) -> Iterator[Moment]:
    """The beginning of revisions that no Event tells of any more."""
    for each in facts.owned(world.replica_sets, world.rollout):
        created, number = obj.created(each), facts.revision(each)
        if created is not None and number:
            yield Moment(created, "revision", f"revision {number}: {', '.join(facts.template_images(each))}", number)


def _numbered(ordered: list[Moment]) -> list[Moment]:
    """Moments that name no revision belong to the one that was begun last."""
    found, latest = [], 0
    for moment in ordered:
        if moment.what == "revision":
            latest = moment.revision
        found.append(moment if moment.revision else replace(moment, revision=latest))
    return found


def _present(world: World, now: Instant, revision: int) -> Moment:
    status = facts.status(world.rollout)
    phase, message = status.get("phase") or "Unknown", status.get("message")
    text = f"{phase}: {message}" if message else str(phase)
    is_canary = facts.strategy(world.rollout) == "Canary"
    weight = facts.actual_weight(world) if is_canary else None
    return Moment(now, "now", text, revision, weight, facts.step_index(world.rollout) if is_canary else None)


def lines(moments: tuple[Moment, ...], style: Style, *, total: int = 100) -> list[str]:
    """The moments as a table, with the weight drawn. total: the weight that means all traffic."""
    weight, rows = 0, []
    for moment in moments:
        weight = moment.weight if moment.weight is not None else weight
        icon = style.icon(_STATES.get(moment.verdict) or _ICONS.get(moment.what, State.NEUTRAL))
        bar = _bar(weight, total, style) if moment.weight is not None else ""
        rows.append(
            (
                moment.at.rfc3339_whole(),
                str(moment.revision or "-"),
                "-" if moment.step is None else str(moment.step),
                f"{bar} {weight}" if bar else "",
                f"{icon} {clean(moment.text)}",
            )
        )
    return table.lines(("TIME", "REVISION", "STEP", "WEIGHT", "WHAT"), rows)


def _bar(weight: int, total: int, style: Style) -> str:
    cells = min(BAR_CELLS, round(weight * BAR_CELLS / total)) if total else 0
    return style.paint("#" * cells, Role.CANARY) + style.paint("-" * (BAR_CELLS - cells), Role.STABLE)


def as_data(moments: tuple[Moment, ...]) -> list[dict[str, Any]]:
    """The moments for programs; what a moment does not say is left out."""
    told = []
    for moment in moments:
        numbers = {"revision": moment.revision or None, "step": moment.step, "weight": moment.weight}
        words = {"verdict": moment.verdict or None, "metric": moment.metric or None}
        extra = {name: value for name, value in (numbers | words).items() if value is not None}
        told.append({"time": moment.at.rfc3339(), "what": moment.what, **extra, "text": moment.text})
    return told
