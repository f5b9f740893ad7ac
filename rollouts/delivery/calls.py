"""The calls of step plugins, as they stand in status.canary.stepPluginStatuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.core.stepcall import ABORT, RUN, TERMINATE
from rollouts.kit.instant import Instant
from rollouts.kit.parts import objects

RUNNING, SUCCESSFUL, FAILED, ERROR = "Running", "Successful", "Failed", "Error"
CALLS_MAX = 100
_OPERATIONS, _PHASES = (RUN, TERMINATE, ABORT), (RUNNING, SUCCESSFUL, FAILED, ERROR)


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of the plugin of one step. started: when it was decided, which tells it from all others.

    backoff_s: how long after `updated` it is called again while it is not over.  state: the plugin's own.
    """

    index: int
    name: str
    operation: str
    started: Instant
    phase: str = RUNNING
    message: str = ""
    updated: Instant | None = None
    finished: Instant | None = None
    backoff_s: float = 0.0
    executions: int = 0
    is_disabled: bool = False
    state: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the plugin has still to be called, or to answer."""
        return self.finished is None

    @property
    def due(self) -> Instant:
        """When it is called next."""
        return self.started if self.updated is None else self.updated.plus(self.backoff_s)

    def ask_id(self, uid: str) -> str:
        """The name of its next asking."""
        return f"step {uid} {self.index} {self.operation} {self.started} {self.executions}"


def carried(calls: tuple[Call, ...], now: Instant) -> tuple[Call, ...]:
    """What an update that ends leaves to be done: what still runs is to be terminated; the rest is forgotten."""
    owed = (each for each in calls if each.is_open and each.operation != RUN)
    return (*owed, *terminations(calls, now))


def terminations(calls: tuple[Call, ...], now: Instant) -> tuple[Call, ...]:
    """The Terminate for each Run that is not over and that nothing else ends."""
    return tuple(_after(each, TERMINATE, now) for each in _runs(calls) if each.is_open)


def aborts(calls: tuple[Call, ...], now: Instant) -> tuple[Call, ...]:
    """The Abort for each Run that was successful or is not over, the latest step first."""
    done = [each for each in _runs(calls) if each.phase != FAILED and not each.is_disabled]
    return tuple(_after(each, ABORT, now) for each in sorted(done, key=lambda each: -each.index))


def joined(calls: tuple[Call, ...], more: tuple[Call, ...]) -> tuple[Call, ...]:
    """The calls and those that come now, each in the place of what an update before owed to the same step."""
    keys = {(each.index, each.operation) for each in more}
    return (*(each for each in calls if (each.index, each.operation) not in keys), *more)


def _runs(calls: tuple[Call, ...]) -> Iterator[Call]:
    """The Runs that nothing ends yet.

    What was decided after a Run ends it. What stands before it is owed to an update that is over: while that is not
    done the Run is not called, so that there is nothing to end; once it is done it says nothing of this Run.
    """
    for place, run in enumerate(calls):
        ends = ((at, each) for at, each in enumerate(calls) if each.index == run.index and each.operation != RUN)
        if run.operation == RUN and not any(each.is_open or at > place for at, each in ends):
            yield run


def _after(run: Call, operation: str, now: Instant) -> Call:
    return Call(run.index, run.name, operation, now, state=run.state)


def read(told: object) -> tuple[Call, ...]:
    """The calls of a status; what nobody can read never was."""
    found: dict[tuple[int, str], Call] = {}
    for each in objects(told)[:CALLS_MAX]:
        if (call := _read(each)) is not None:
            found.setdefault((call.index, call.operation), call)
    return tuple(found.values())


def _read(each: Mapping[str, Any]) -> Call | None:
    index, started = each.get("index", 0), Instant.parse(each.get("startedAt"))
    name, operation, phase = each.get("name"), each.get("operation"), each.get("phase")
    if not _is_count(index) or started is None or operation not in _OPERATIONS or phase not in _PHASES:
        return None
    executions = each.get("executions", 0)
    call = Call(
        index=int(index),
        name=str(name or ""),
        operation=str(operation),
        started=started,
        phase=str(phase),
        message=str(each.get("message") or ""),
        updated=Instant.parse(each.get("updatedAt")),
        finished=Instant.parse(each.get("finishedAt")),
        backoff_s=_seconds(each.get("backoff")),
        executions=int(executions) if _is_count(executions) else 0,
        is_disabled=each.get("disabled") is True,
        state=each.get("status"),
    )
    if phase in (SUCCESSFUL, FAILED):
        return replace(call, finished=call.finished or call.updated or started)
    return call if phase == ERROR and operation != RUN else replace(call, finished=None)


def told(calls: tuple[Call, ...]) -> list[dict[str, Any]]:
    """The calls as a status has them."""
    return [_told(each) for each in calls]


def _told(call: Call) -> dict[str, Any]:
    said = {
        "index": call.index,
        "name": call.name,
        "operation": call.operation,
        "phase": call.phase,
        "message": call.message or None,
        "startedAt": call.started.rfc3339(),
        "updatedAt": call.updated.rfc3339() if call.updated else None,
        "finishedAt": call.finished.rfc3339() if call.finished else None,
        "backoff": f"{call.backoff_s:g}s" if call.backoff_s else None,
        "executions": call.executions or None,
        "disabled": call.is_disabled or None,
        "status": call.state,
    }
    return {key: value for key, value in said.items() if value is not None}


def _seconds(text: object) -> float:
    try:
        return max(0.0, parse_s(text)) if isinstance(text, str) and text else 0.0
    except AnalysisError:
        return 0.0


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
