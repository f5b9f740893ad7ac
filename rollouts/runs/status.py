"""The status of an AnalysisRun: read without trust, written within its budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from analysis import phase
from analysis.measuring import MEMORY
from analysis.model import Measurement, Metric, MetricState
from analysis.together import EVIDENCE
from analysis.verdict import Verdict
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube.ref import Manifest

STATUS_BYTES_MAX = 64 * 1024
TRUNCATED = "truncated"
_TEXT_CHARS_MIN = 256
_WHOLE = frozenset({"name", MEMORY, EVIDENCE})
_COUNTS = {
    "count": "count", "successful": "successful", "failed": "failed", "inconclusive": "inconclusive", "error": "error",
    "consecutiveError": "consecutive_error", "consecutiveSuccess": "consecutive_success",
}  # fmt: skip
_COUNT_MAX = 2**31 - 1


def status_of(manifest: Manifest) -> Mapping[str, Any]:
    """The status, empty where there is none yet."""
    return part(manifest, "status")


def read_states(status: Mapping[str, Any], metrics: Sequence[Metric]) -> tuple[MetricState, ...]:
    """The state of each metric as the status remembers it; whatever is not of the right shape counts as absent."""
    results = status.get("metricResults")
    found: dict[str, Mapping[str, Any]] = {}
    for result in results if isinstance(results, list | tuple) else ():
        if isinstance(result, Mapping):
            found.setdefault(str(result.get("name")), result)
    return tuple(_state(metric.name, found.get(metric.name, {})) for metric in metrics)


def _state(name: str, result: Mapping[str, Any]) -> MetricState:
    counts = {ours: _count(result.get(theirs)) for theirs, ours in _COUNTS.items()}
    taken = result.get("measurements")
    return MetricState(
        name=name,
        phase=phase.parse(result.get("phase")),
        message=_text(result.get("message")),
        measurements=tuple(_measurements(taken if isinstance(taken, list | tuple) else ())),
        metadata=_texts(result.get("metadata")),
        **counts,
    )


def _measurements(taken: Sequence[Any]) -> list[Measurement]:
    found = []
    for each in taken:
        ended = phase.parse(each.get("phase")) if isinstance(each, Mapping) else None
        if ended is None or not ended.is_completed:
            continue
        started, finished = Instant.parse(each.get("startedAt")), Instant.parse(each.get("finishedAt"))
        found.append(
            Measurement(
                phase=ended,
                value=_text(each.get("value")),
                message=_text(each.get("message")),
                started_s=started.seconds if started else None,
                finished_s=finished.seconds if finished else None,
                metadata=_texts(each.get("metadata")),
            )
        )
    return found


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_MAX else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): text for key, text in value.items() if isinstance(text, str)}


def written(
    before: Mapping[str, Any],
    verdict: Verdict,
    metrics: Sequence[Metric],
    started: Instant,
    now: Instant,
    running: Mapping[str, Measurement],
) -> dict[str, Any]:
    """The whole status that follows from a verdict, no larger than its budget.

    running: by metric, the measurement that is being taken; it is told, and never read back.
    """
    results = [
        _result(metric, state, running.get(state.name))
        for metric, state in zip(metrics, verdict.states, strict=True)
        if (state.phase is not None and state.taken) or state.name in running
    ]
    after = {
        **before,
        "phase": verdict.phase.value,
        "message": verdict.message or None,
        "startedAt": started.rfc3339(),
        "runSummary": dict(verdict.summary),
        "dryRunSummary": dict(verdict.dry_run_summary),
        "metricResults": results or None,
        "completedAt": (_text(before.get("completedAt")) or now.rfc3339()) if verdict.phase.is_completed else None,
    }
    return fitted({name: value for name, value in after.items() if value is not None})


def refused(before: Mapping[str, Any], message: str, now: Instant) -> dict[str, Any]:
    """The status of a run whose spec cannot be used: an end like any other, so that it is cleared away in time."""
    return {**before, "phase": phase.Phase.ERROR.value, "message": message[:4096], "completedAt": now.rfc3339()}


def _result(metric: Metric, state: MetricState, running: Measurement | None) -> dict[str, Any]:
    told = state.phase if running is None else running.phase
    assert told is not None
    result: dict[str, Any] = {"name": state.name, "phase": told.value}
    result |= {theirs: count for theirs, ours in _COUNTS.items() if (count := getattr(state, ours))}
    if state.message:
        result["message"] = state.message
    if metric.is_dry_run:
        result["dryRun"] = True
    if state.metadata:
        result["metadata"] = dict(state.metadata)
    if taken := (*state.measurements, *((running,) if running else ())):
        result["measurements"] = [_measurement(each) for each in taken]
    return result


def _measurement(taken: Measurement) -> dict[str, Any]:
    found: dict[str, Any] = {"phase": taken.phase.value}
    for name, text in (("value", taken.value), ("message", taken.message)):
        if text:
            found[name] = text
    for name, seconds in (("startedAt", taken.started_s), ("finishedAt", taken.finished_s)):
        if seconds is not None:
            found[name] = Instant.of(seconds).rfc3339()
    if taken.metadata:
        found["metadata"] = dict(taken.metadata)
    return found


def fitted(status: dict[str, Any]) -> dict[str, Any]:
    """The status within its budget: older measurements go first, then long texts are cut; a mark says so."""
    keep = max((len(result.get("measurements") or ()) for result in status.get("metricResults") or ()), default=0)
    while _size(status) > STATUS_BYTES_MAX and keep > 1:
        keep = (keep + 1) // 2
        status = _with_results(status, partial(_shortened, keep=keep))
    if _size(status) > STATUS_BYTES_MAX:
        status = _with_results(status, _clipped)
    if _size(status) > STATUS_BYTES_MAX:
        status = _with_results(status, _without_texts)
    return status


def _size(status: Mapping[str, Any]) -> int:
    return len(json.dumps(status, ensure_ascii=False).encode("utf-8", "replace"))


def _with_results(status: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return {**status, "metricResults": [change(result) for result in status["metricResults"]]}


def _shortened(result: dict[str, Any], keep: int) -> dict[str, Any]:
    taken = result.get("measurements") or []
    if len(taken) <= keep:
        return result
    return _marked({**result, "measurements": taken[-keep:]})


def _clipped(result: dict[str, Any]) -> dict[str, Any]:
    cut = _cut_texts(result)
    assert isinstance(cut, dict)
    return _marked(cut) if cut != result else result


def _cut_texts(value: Any) -> Any:
    """Every long text cut but a metric's name, by which its state is found again, and its provider's memory."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT_CHARS_MIN else value[:_TEXT_CHARS_MIN] + "…"
    if isinstance(value, dict):
        return {key: inner if key in _WHOLE else _cut_texts(inner) for key, inner in value.items()}
    return [_cut_texts(inner) for inner in value] if isinstance(value, list) else value


def _without_texts(result: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in result.items() if name not in ("message", "metadata")}
    if remembered := {name: text for name, text in result.get("metadata", {}).items() if name in _WHOLE}:
        kept["metadata"] = remembered
    times = [
        {name: value for name, value in taken.items() if name in ("phase", "startedAt", "finishedAt")}
        for taken in result.get("measurements") or ()
    ]
    return _marked({**kept, "measurements": times} if times else kept)


def _marked(result: dict[str, Any]) -> dict[str, Any]:
    said = {**result.get("metadata", {}), TRUNCATED: "older measurements or long texts were left out"}
    return {**result, "metadata": said}
