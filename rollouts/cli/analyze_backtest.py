"""`rollouts analyze backtest`: what a comparison would have done on a service's own past."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.frame import command as kube_command

if TYPE_CHECKING:
    from analysis.compare.samples import Series
    from analysis.compare.spec import Comparison
    from analysis.rerun import Again

WINDOWS_MAX = 500
RUNS_MAX = 500
BYTES_MAX = 64 * 1024 * 1024
PACE_S = 0.2  # between two queries, so that a server in production hardly notices


@kube_command(
    "backtest",
    connects=False,
    examples="""
    rollouts analyze backtest --address http://localhost:9090 --requests r_total --bad 'code=~"5.."' --plan 10%:10m
    rollouts analyze backtest --address $P --requests r_total --bad 'code="500"' --plan 25%:5m --windows 100 --over 7d
    rollouts analyze backtest --samples answer.json --requests r_total --bad 'code="500"' --plan 10%:10m
    kubectl get analysisruns -o json | rollouts analyze backtest --runs - -f new-template.yaml --address $P
    """,
)
@click.option("--address", default="", help="Address of the Prometheus server.")
@click.option("--samples", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A saved answer instead.")
@click.option(
    "--runs", "runs_name", default="", metavar="FILE", help="Judge past AnalysisRuns again; - is standard input."
)
@click.option(
    "-f", "--filename", "template", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --runs: the template that judges them, in place of their own metrics.",
)  # fmt: skip
@click.option("--requests", default="", metavar="SELECTOR", help="Raw counters of all the service's pods.")
@click.option("--bad", default="", metavar="MATCHERS", help='Which of them count bad requests, such as code=~"5..".')
@click.option("--pod-label", default="pod", help="Label that tells pods apart (pod).")
@click.option("--plan", "plan_text", default="", metavar="SHARE:TIME", help="Share of pods, and how long, as 10%:10m.")
@click.option("--every", default="10s", metavar="TIME", help="Time between two looks (10s).")
@click.option("--inject", default="2,5", metavar="TIMES,...", help="Faults to inject: times the errors (2,5).")
@click.option("--windows", type=click.IntRange(1, WINDOWS_MAX), default=20, help="Past windows to judge (20).")
@click.option("--over", default="1d", metavar="TIME", help="How far back the windows lie (1d).")
@click.option("--alpha", type=float, default=0.01, help="False aborts, at most (0.01).")
@click.option("--tolerated", type=float, default=1.05, help="The relative risk that is still fine (1.05).")
@click.option("--worse-than", type=float, default=1.5, help="The relative risk that a certificate rules out (1.5).")
@click.option(
    "--max-false-abort", default="", metavar="PERCENT", help="Exit code 1 where more are aborted for certain."
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the answer.")
@click.pass_context
def command(ctx: click.Context, /, output: str, **asked: Any) -> int:
    """Judge pseudo-canaries in the past: stable pods called canary, without a fault and with injected ones.

    The look is the controller's own; only the clock is another. What is aborted without a fault is a false abort.
    One query a window, one at a time. Asking a server needs the extra "fetch".
    With --runs, past runs are judged again by the same code, at the moments that they would have asked: to see what
    another template would have said. Samples must still be there.
    """
    from dataclasses import asdict

    from analysis import backtest
    from analysis.errors import AnalysisError

    if asked["runs_name"]:
        return _again(asked, output)
    for name in ("requests", "bad", "plan_text"):
        if not asked[name]:
            raise click.UsageError(f"missing option '--{name.removesuffix('_text')}'", ctx)
    try:
        terms, plan, faults = _read(asked)
        trials: list[backtest.Trial] = []
        rps = rate = 0.0
        for begins_s, series in _windows(asked, terms, plan):
            rps, rate = backtest.rates(terms, series)
            trials += [backtest.trial(terms, series, begins_s, plan, relative) for relative in (1.0, *faults)]
    except AnalysisError as error:
        click.echo(f"rollouts analyze backtest: {error}", err=True)
        return 2
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    groups = [[each for each in trials if each.relative == relative] for relative in (1.0, *faults)]
    found = [backtest.summary(group, terms, plan[0], rps, rate) for group in groups]
    if output == "json":
        rows = {"summary": [asdict(each) for each in found], "trials": [asdict(each) for each in trials]}
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n".join(backtest.lines(found, trials)))
    return 1 if found[0].low > _budget(asked) else 0


def _again(asked: dict[str, Any], output: str) -> int:
    """Past runs judged again; 1 where more of the successful ones would now fail, for certain, than is allowed."""
    from analysis import rerun
    from analysis.backtest import wilson
    from analysis.errors import AnalysisError
    from analysis.phase import Phase

    try:
        found = list(_runs_again(asked))
    except (AnalysisError, OSError, ValueError) as error:
        click.echo(f"rollouts analyze backtest: {error}", err=True)
        return 2
    if output == "json":
        rows = [{"name": each.name, "was": each.was.value, "now": each.phase.value, "afterSeconds": each.after_s,
                 "message": each.message, "questions": each.questions} for each in found]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo("\n".join(rerun.lines(found)) if found else "no run that is over")
    good = [each for each in found if each.was is Phase.SUCCESSFUL]
    least = wilson(sum(each.phase is Phase.FAILED for each in good), len(good))[0]
    return 1 if good and least > _budget(asked) else 0


def _runs_again(asked: dict[str, Any]) -> Iterator[Again]:
    import yaml

    from analysis import rerun
    from analysis.asks import Question
    from analysis.errors import AnalysisError
    from analysis.fetch import fetch

    def paced(question: Question) -> Any:
        time.sleep(PACE_S)
        return fetch(question)

    name, template = str(asked["runs_name"]), None
    text = sys.stdin.read(BYTES_MAX) if name == "-" else Path(name).read_text(encoding="utf-8")
    if path := asked["template"]:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        template = manifest.get("spec") if isinstance(manifest, dict) else None
        if not isinstance(template, dict):
            raise AnalysisError(f"{path}: want one AnalysisTemplate")
    for past in rerun.read_runs(json.loads(text))[:RUNS_MAX]:
        yield rerun.rerun(rerun.with_template(past, template) if template else past, paced, str(asked["address"]))


def _budget(asked: dict[str, Any]) -> float:
    return float(str(asked["max_false_abort"]).removesuffix("%") or 100) / 100


def _read(asked: dict[str, Any]) -> tuple[Comparison, tuple[float, float, float], tuple[float, ...]]:
    """(the comparison, (share, seconds, seconds between looks), faults). Raises ValueError."""
    from analysis.compare.spec import read_comparison
    from analysis.errors import AnalysisError
    from rollouts.cli.analyze import seconds_of, steps_of

    steps = steps_of(str(asked["plan_text"]))
    if len(steps) != 1:
        raise ValueError("--plan: want one step, such as 10%:10m")
    try:
        terms = read_comparison(
            {"canary": asked["requests"], "stable": asked["requests"], "bad": asked["bad"], "lag": "0s",
             "podLabel": asked["pod_label"], "alpha": asked["alpha"], "tolerated": asked["tolerated"],
             "worseThan": asked["worse_than"]}
        )  # fmt: skip
    except AnalysisError as error:
        raise ValueError(str(error)) from None
    faults = tuple(float(text) for text in str(asked["inject"]).split(",") if text.strip())
    if any(fault <= 1 for fault in faults):
        raise ValueError("--inject: want numbers above 1")
    return terms, (steps[0].weight, steps[0].seconds, seconds_of(str(asked["every"]))), faults


def _windows(
    asked: dict[str, Any], terms: Comparison, plan: tuple[float, float, float]
) -> Iterator[tuple[float, tuple[Series, ...]]]:
    """(begin of the canary, series) of each window: from a saved answer, or from the server."""
    from analysis.compare.samples import read
    from analysis.errors import AnalysisError
    from analysis.providers.prometheus import data_of
    from rollouts.cli.analyze import seconds_of
    from rollouts.cli.analyze_live import raw

    count = int(asked["windows"])
    if path := asked["samples"]:
        series = read(data_of(json.loads(path.read_text(encoding="utf-8"))))
        if not series:
            raise AnalysisError("the saved answer has no series")
        first = min(each.times[0] for each in series) + terms.history_s
        last = max(each.times[-1] for each in series) - plan[1]
        if last < first:
            raise AnalysisError(f"want samples of {terms.history_s + plan[1]:g} s or more")
        for number in range(count if last > first else 1):
            yield first + (last - first) * number / max(1, count - 1), series
        return
    now_s, over_s = time.time(), seconds_of(str(asked["over"]))
    for number in range(count):
        begins_s = now_s - plan[1] - over_s * (number + 1) / count
        spans_s = terms.history_s + plan[1] + 60
        yield begins_s, raw(str(asked["address"]), str(asked["requests"]), begins_s + plan[1], spans_s)
        time.sleep(PACE_S)
