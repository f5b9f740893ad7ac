"""The judge on the command line: `python -m analysis judge|run|replay|explain`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from analysis import measuring
from analysis.check import check_spec
from analysis.compare import command as comparing
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.replay import next_due_s, read_record, steps
from analysis.templates import build_run_spec
from analysis.verdict import Verdict, judge

_EXIT = {Phase.SUCCESSFUL: 0, Phase.FAILED: 1, Phase.INCONCLUSIVE: 3, Phase.ERROR: 4}
_EXAMPLES = """examples:
  python -m analysis explain template.yaml                      what each metric means, and what surprises in it
  python -m analysis run template.yaml --arg service=web --address http://localhost:9090
                                                                run the analysis now, from this machine
  python -m analysis replay template.yaml answers.jsonl         the verdict on recorded answers
  python -m analysis judge --kind errors --alpha 0.01 < looks.jsonl
                                                                canary against stable, a look a line

exit code: 0 Successful, 1 Failed, 2 wrong usage or spec, 3 Inconclusive, 4 Error, 5 still running"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code tells the verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (
        ("run", "ask Prometheus now and judge its answers"),
        ("replay", "judge recorded answers: a line of JSON each, {metric, at, answer} or {metric, at, error}"),
        ("explain", "say what the metrics of a template mean"),
    ):
        command = commands.add_parser(name, help=told, description=told)
        command.add_argument("template", type=Path, help="AnalysisTemplate or AnalysisRun, YAML or JSON")
        command.add_argument("--arg", action="append", default=[], metavar="NAME=VALUE", help="an argument's value")
        if name == "replay":
            command.add_argument("answers", type=Path, help="the recorded answers, at = seconds since the start")
        if name == "run":
            command.add_argument("--address", default="", help="the Prometheus server where a metric names none")
    comparing.add_command(commands)
    asked = parser.parse_args(arguments)
    if asked.command == "judge":
        return comparing.judge(asked, sys.stdin.buffer, sys.stdout)
    try:
        spec = _spec(asked.template, asked.arg)
        if asked.command == "explain":
            return _explain(spec)
        return _run(spec, asked.address) if asked.command == "run" else _replay(spec, asked.answers)
    except (AnalysisError, OSError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command line program speaks
        return 2


def _spec(path: Path, given: Sequence[str]) -> dict[str, Any]:
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, Mapping) or not isinstance(manifest.get("spec"), Mapping):
        raise AnalysisError(f"{path}: want one AnalysisTemplate or AnalysisRun")
    pairs = [text.partition("=") for text in given]
    if wrong := [name for name, mark, _ in pairs if not mark]:
        raise AnalysisError(f"--arg {wrong[0]}: want NAME=VALUE")
    return build_run_spec([manifest["spec"]], [{"name": name, "value": value} for name, _, value in pairs])


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # a command line program speaks


def _explain(spec: Mapping[str, Any]) -> int:
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


def _replay(spec: Mapping[str, Any], path: Path) -> int:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    verdicts: list[Verdict] = []
    for verdict, taken in steps(spec, read_record(lines)):
        verdicts.append(verdict)
        if taken:
            _tell(*taken)
    return _conclude(verdicts[-1])


def _run(spec: Mapping[str, Any], address: str) -> int:
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


if __name__ == "__main__":
    sys.exit(main())
