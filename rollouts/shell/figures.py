"""What the objects of a cluster come to in figures: rows of labels and a number, by the names that dashboards know.

Pure, computed when somebody asks. Names and labels are those of the reference; ours stand beside them.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kit.parts import at, items, objects, part, text
from rollouts.kube.ref import Manifest

Rows = Sequence[tuple[dict[str, str], float]]
PHASES = ("Healthy", "Progressing", "Paused", "Degraded", "InvalidSpec")
RUN_PHASES = ("Pending", "Running", "Successful", "Failed", "Error", "Inconclusive")


@dataclass(frozen=True, slots=True)
class Figure:
    """One family of gauges. rows: labels (the same names in each row) and values."""

    name: str
    text: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class _Told:
    """What the figures say of one Rollout: a hundredth of it, because there may be very many."""

    who: dict[str, str]
    strategy: str
    router: str
    phase: str
    desired: float
    available: float
    updated: float
    weights: tuple[tuple[str, float], ...]
    step: float
    steps: int
    success: float | None


def of_rollouts(rollouts: Iterable[Manifest]) -> Iterator[Figure]:
    """How each Rollout stands: phase, replicas, weights, steps, last success."""
    told = [_told(one) for one in rollouts]
    facts = [
        ({**one.who, "strategy": one.strategy, "traffic_router": one.router, "phase": one.phase}, 1) for one in told
    ]
    yield Figure("rollout_info", "Rollouts by strategy, router and phase.", facts)
    yield Figure(
        "rollout_phase",
        "Whether a Rollout is in a phase (of old; see rollout_info).",
        [
            ({**one.who, "strategy": one.strategy, "phase": phase}, float(one.phase == phase))
            for one in told
            for phase in PHASES[:4]
        ],
    )
    counts: tuple[tuple[str, Callable[[_Told], float]], ...] = (
        ("desired", lambda one: one.desired),
        ("available", lambda one: one.available),
        ("unavailable", lambda one: max(0.0, one.desired - one.available)),
        ("updated", lambda one: one.updated),
    )
    for suffix, value in counts:
        rows = [(one.who, value(one)) for one in told]
        yield Figure(f"rollout_info_replicas_{suffix}", f"Replicas {suffix}.", rows)
    weights = [({**one.who, "role": role}, weight) for one in told for role, weight in one.weights]
    yield Figure("rollout_traffic_weight", "Weight of a version.", weights)
    stepping = [one for one in told if one.steps]
    yield Figure("rollout_step_index", "Index of the step under way.", [(one.who, one.step) for one in stepping])
    yield Figure("rollout_steps", "Steps.", [(one.who, float(one.steps)) for one in stepping])
    yield Figure(
        "rollout_last_success_timestamp",
        "When the latest update was promoted, in Unix seconds.",
        [(one.who, one.success) for one in told if one.success is not None],
    )


def of_runs(found: Iterable[Manifest]) -> Iterator[Figure]:
    """Verdicts of runs and of their metrics, and the last value that each metric measured."""
    runs = list(found)
    yield Figure("analysis_run_info", "AnalysisRuns by phase.", [({**_who(one), **_phase(one)}, 1) for one in runs])
    yield Figure(
        "analysis_run_phase",
        "Whether an AnalysisRun is in a phase (of old; see analysis_run_info).",
        [({**_who(one), "phase": at}, float(_text(one, "phase") == at)) for one in runs for at in RUN_PHASES],
    )
    yield Figure(
        "analysis_run_metric_type",
        "Metrics by provider.",
        [({**_who(one), "metric": name, "type": kind}, 1) for one in runs for name, kind in _metrics(one)],
    )
    results = [(one, result) for one in runs for result in _results(one)]
    yield Figure(
        "analysis_run_metric_phase",
        "Verdicts of metrics.",
        [
            ({**_who(one), "metric": str(result.get("name", "")), "phase": str(result.get("phase", ""))}, 1)
            for one, result in results
        ],
    )
    values = [
        ({**_who(one), "metric": str(result.get("name", ""))}, value)
        for one, result in results
        if (value := _last_value(result)) is not None
    ]
    yield Figure("analysis_measurement_value", "The latest value of a metric.", values)


def of_templates(found: Iterable[Manifest]) -> Iterator[Figure]:
    """Templates, and the metrics that they hold."""
    templates = list(found)
    yield Figure("analysis_template_info", "AnalysisTemplates.", [(_who(one), 1) for one in templates])
    yield Figure(
        "analysis_template_metric_info",
        "Metrics of AnalysisTemplates by provider.",
        [({**_who(one), "metric": name, "type": kind}, 1) for one in templates for name, kind in _metrics(one)],
    )


def of_experiments(found: Iterable[Manifest]) -> Iterator[Figure]:
    """Experiments by phase."""
    experiments = list(found)
    rows = [({**_who(one), **_phase(one)}, 1.0) for one in experiments]
    yield Figure("experiment_info", "Experiments by phase.", rows)
    yield Figure(
        "experiment_phase",
        "Whether an Experiment is in a phase (of old; see experiment_info).",
        [({**_who(one), "phase": at}, float(_text(one, "phase") == at)) for one in experiments for at in RUN_PHASES],
    )


def by_label(label: str, tally: Tally[str]) -> Rows:
    """A tally as rows of one label."""
    return [({label: name}, count) for name, count in tally.items()]


def _told(rollout: Manifest) -> _Told:
    strategy = _strategy(rollout)
    routing = part(rollout, "spec", "strategy", strategy, "trafficRouting")
    return _Told(
        who=_who(rollout),
        strategy=strategy,
        router=next((key for key in sorted(routing) if isinstance(routing[key], dict)), ""),
        phase=_text(rollout, "phase"),
        desired=_number(rollout, "spec", "replicas", 1),
        available=_number(rollout, "status", "availableReplicas"),
        updated=_number(rollout, "status", "updatedReplicas"),
        weights=tuple(_weights(rollout)),
        step=_number(rollout, "status", "currentStepIndex"),
        steps=len(_steps(rollout)),
        success=_last_success(rollout),
    )


def _strategy(rollout: Manifest) -> str:
    strategy = part(rollout, "spec", "strategy")
    return next((known for known in ("canary", "blueGreen") if strategy.get(known) is not None), "none")


def _weights(rollout: Manifest) -> Iterator[tuple[str, float]]:
    weights = part(rollout, "status", "canary", "weights")
    for role in ("canary", "stable"):
        weight = at(weights, role, "weight")
        if weights:  # where the canary's is left out it is 0
            yield role, float(weight) if isinstance(weight, int) else 0.0


def _steps(rollout: Manifest) -> Sequence[object]:
    return items(rollout, "spec", "strategy", "canary", "steps")


def _last_success(rollout: Manifest) -> float | None:
    told = part(rollout, "status", "duration")
    if told.get("completionStatus") not in ("Promoted", "FastPromoted"):
        return None
    finished = Instant.parse(told.get("finishedAt"))
    return None if finished is None else finished.micros / 1_000_000


def _metrics(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for metric in objects(manifest, "spec", "metrics"):
        kind = next((name for name, value in part(metric, "provider").items() if value is not None), "")
        yield str(metric.get("name", "")), kind


def _results(run: Manifest) -> Iterable[Mapping[str, Any]]:
    return objects(run, "status", "metricResults")


def _last_value(result: Mapping[str, Any]) -> float | None:
    """The latest value where it is one number, bare or as the only element of a vector."""
    taken = objects(result, "measurements")
    try:
        return float(str(taken[-1].get("value", "")).strip("[] ")) if taken else None
    except ValueError:
        return None


def _phase(manifest: Manifest) -> dict[str, str]:
    return {"phase": _text(manifest, "phase")}


def _who(manifest: Manifest) -> dict[str, str]:
    meta = manifest["metadata"]
    return {"namespace": str(meta.get("namespace", "")), "name": str(meta["name"])}


def _text(manifest: Manifest, name: str) -> str:
    return text(manifest, "status", name)


def _number(manifest: Manifest, where: str, name: str, default: int = 0) -> float:
    value = at(manifest, where, name)
    return float(value) if isinstance(value, int | float) else float(default)
