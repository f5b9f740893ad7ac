"""What must survive a crash: the decisions of an update, as they stand in the Rollout's status.

Clients write some of these fields too (abort, promote, retry), and people edit them by hand, so that reading clamps
whatever cannot be: an unknown step counts as the first, an unknown time as none, and nothing is ever promoted by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rollouts.delivery import calls
from rollouts.delivery.calls import Call
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part, text

PAUSE_STEP = "CanaryPauseStep"
PAUSE_BLUE_GREEN = "BlueGreenPause"
PAUSE_INCONCLUSIVE = "InconclusiveAnalysisRun"
PAUSE_EXPERIMENT = "InconclusiveExperiment"
STAGE_RUNS = ("prePromotionAnalysisRunStatus", "postPromotionAnalysisRunStatus")
"""Where the status of a blue-green update has the run of each of its stages."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an update stands still, and since when (None: nobody can read when)."""

    reason: str
    start: Instant | None

    def is_astray(self, born: Instant | None, now: Instant) -> bool:
        """Whether the start cannot be: unreadable, to come, or before the Rollout was made."""
        if self.start is None or self.start > now:
            return True
        # A clock that is behind the API server's sees every start before the Rollout; it must still count.
        return born is not None and self.start < born <= now


@dataclass(frozen=True, slots=True)
class Latch:
    """The remembered decisions.

    current, stable: pod template hashes, "" while there is none.  step: index of the current step, the number of
    steps once all are done.  step_run, background_run: names of the AnalysisRuns that decide.  experiment: name of the
    Experiment that does.
    """

    current: str = ""
    stable: str = ""
    step: int = 0
    step_hash: str = ""
    aborted: bool = False
    aborted_at: Instant | None = None
    promote_full: bool = False
    pauses: tuple[Pause, ...] = ()
    controller_pause: bool = False
    collisions: int | None = None
    step_run: str = ""
    background_run: str = ""
    experiment: str = ""
    ping_pong: str = ""  # which of the two Services of pingPong is the stable one
    calls: tuple[Call, ...] = ()  # of step plugins

    @property
    def is_updating(self) -> bool:
        """Whether something other than the stable version is on its way."""
        return bool(self.stable) and self.current != self.stable

    def cleared(self) -> Latch:
        """The same versions and step with nothing in progress: no abort, command or pause, and no verdict awaited."""
        return replace(
            self,
            aborted=False,
            aborted_at=None,
            promote_full=False,
            pauses=(),
            controller_pause=False,
            step_run="",
            background_run="",
            experiment="",
        )


def read(status: Mapping[str, Any], steps: int, stable: str, *, blue_green: bool = False) -> Latch:
    """The latch of a status. stable: the stable hash as far as the cluster confirms it."""
    canary, blue = part(status, "canary"), part(status, "blueGreen")
    current = text(status, "currentPodHash")
    done = not stable or current == stable
    index, run = _step(status.get("currentStepIndex"), steps), canary.get("currentStepAnalysisRunStatus")
    if blue_green:
        index = 1 if blue.get("scaleUpPreviewCheckPoint") is True else 0
        run = blue.get(STAGE_RUNS[index])
    return Latch(
        current=current,
        stable=stable,
        step=steps if done else index,
        step_hash=text(status, "currentStepHash"),
        aborted=status.get("abort") is True,
        aborted_at=Instant.parse(status.get("abortedAt")),
        promote_full=status.get("promoteFull") is True,
        pauses=_pauses(status.get("pauseConditions")),
        controller_pause=status.get("controllerPause") is True,
        collisions=collisions(status),
        step_run=text(run, "name"),
        background_run=text(canary, "currentBackgroundAnalysisRunStatus", "name"),
        experiment=text(canary, "currentExperiment"),
        ping_pong=text(canary, "stablePingPong"),
        calls=calls.read(canary.get("stepPluginStatuses")),
    )


def collisions(status: Mapping[str, Any]) -> int | None:
    """How often the name of a ReplicaSet to be was found taken."""
    return _count(status.get("collisionCount"))


def fields(latch: Latch, steps: int) -> dict[str, Any]:
    """The latch as fields of the status; None where the field is absent."""
    return {
        "currentPodHash": latch.current or None,
        "stableRS": latch.stable or None,
        "currentStepIndex": latch.step if steps else None,
        "currentStepHash": latch.step_hash or None,
        "abort": latch.aborted or None,
        "abortedAt": latch.aborted_at.rfc3339() if latch.aborted_at else None,
        "promoteFull": latch.promote_full or None,
        "pauseConditions": [_pause(each) for each in latch.pauses] or None,
        "controllerPause": latch.controller_pause or None,
        "collisionCount": latch.collisions,
    }


def _pause(pause: Pause) -> dict[str, Any]:
    return {"reason": pause.reason, "startTime": pause.start.rfc3339() if pause.start else None}


def _step(value: object, steps: int) -> int:
    """An index that lies outside the steps proves nothing: it must not stand for "all of them are done"."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= steps else 0


def _pauses(value: object) -> tuple[Pause, ...]:
    """Only null and an empty list end a pause; what nobody can read is a pause since nobody knows when."""
    if value is None or value == []:
        return ()
    given = value if isinstance(value, list | tuple) else ()
    kept = (each for each in given if isinstance(each, Mapping) and isinstance(each.get("reason"), str))
    read = tuple(Pause(each["reason"], Instant.parse(each.get("startTime"))) for each in kept)
    return read or (Pause(PAUSE_STEP, None),)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
