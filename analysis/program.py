"""What the program does with templates: run them here, replay recorded answers, explain them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis import measuring
from analysis.check import check_spec
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.replay import next_due_s, read_record, steps
from analysis.templates import build_run_spec
from analysis.verdict import Verdict, judge

_EXIT = {Phase.SUCCESSFUL: 0, Phase.FAILED: 1, Phase.INCONCLUSIVE: 3, Phase.ERROR: 4}


def spec_of(path: Path, given: Sequence[str]) -> dict[str, Any]:
    """The spec of the run that a template makes. given: NAME=VALUE. Raises AnalysisError, OSError."""
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise AnalysisError(f"{path}: {error}") from None
    if not isinstance(manifest, Mapping) or not isinstance(manifest.get("spec"), Mapping):
        raise AnalysisError(f"{path}: want one AnalysisTemplate or AnalysisRun")
    return run_spec(manifest, given)


def run_spec(manifest: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """The spec of the run that a template's manifest makes. Raises AnalysisError."""
    pairs = [text.partition("=") for text in given]
    if wrong := [name for name, mark, _ in pairs if not mark]:
        raise AnalysisError(f"--arg {wrong[0]}: want NAME=VALUE")
    return build_run_spec([manifest["spec"]], [{"name": name, "value": value} for name, _, value in pairs])


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a command line program speaks


def explain(spec: Mapping[str, Any]) -> int:
    """Say what the metrics mean."""
    for finding in check_spec(spec):
        _say(f"{finding.severity}: {finding.text}" + (f"\n  mend: {finding.fix}" if finding.fix else ""))
    for metric in read_metrics(spec):
        _say(f"\n{metric.name}" + (" (dry run: never decides)" if metric.is_dry_run else ""))
        _say(f"  asks {metric.provider}: {metric.query.get('query')}")
        if metric.judged.success:
            _say(f"  a measurement succeeds if {metric.judged.success.source}")
        if metric.judged.failure:
            _say(f"  a measurement fails if {metric.judged.failure.source}")
        every = f" every {metric.interval_s:g}s" if metric.interval_s else ""
        often = "until the run ends" if metric.count is None else f"{metric.count} times"
        _say(f"  it is measured {often}{every}, at first after {metric.initial_delay_s:g}s")
        if metric.failure_limit >= 0:
            _say(f"  it fails after more than {metric.failure_limit} failed measurements")
    return 0


def replay(spec: Mapping[str, Any], path: Path) -> int:
    """Judge recorded answers; the exit code of the verdict."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    verdicts: list[Verdict] = []
    for verdict, taken in steps(spec, read_record(lines)):
        verdicts.append(verdict)
        if taken:
            _tell(*taken)
    return _conclude(verdicts[-1])


def run(spec: Mapping[str, Any], address: str) -> int:
    """Ask Prometheus until there is a verdict; its exit code."""
    from analysis.fetch import clock, sleep_until

    metrics = read_metrics(spec)
    states = tuple(MetricState(metric.name) for metric in metrics)
    started_s = clock()
    verdict = judge(metrics, states)
    while not verdict.phase.is_completed:
        due_s = next_due_s(metrics, states, started_s)
        assert due_s is not None
        sleep_until(due_s)
        states = tuple(
            _asked(metric, state, address) if next_due_s([metric], [state], started_s) == due_s else state
            for metric, state in zip(metrics, states, strict=True)
        )
        verdict = judge(metrics, states)
        states = verdict.states
    return _conclude(verdict)


def _asked(metric: Metric, state: MetricState, address: str) -> MetricState:
    from analysis.fetch import clock, fetch

    began_s, answer, error = clock(), None, ""
    try:
        around = Surroundings(began_s, address, state.metadata.get(measuring.MEMORY, ""))
        answer = fetch(measuring.ask(metric, around))
    except AnalysisError as broken:
        error = str(broken)
    after, taken = measuring.taken(metric, state, answer, error, began_s, clock())
    _tell(metric.name, taken)
    return after


def _tell(name: str, taken: Measurement) -> None:
    _say(f"{name}: {taken.phase} {taken.value}" + (f" ({taken.message})" if taken.message else ""))


def _conclude(verdict: Verdict) -> int:
    _say(f"{verdict.phase}" + (f": {verdict.message}" if verdict.message else ""))
    return _EXIT.get(verdict.phase, 5)
