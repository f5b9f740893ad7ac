"""`rollouts analyze …`: try an analysis before it is trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.analyze_live import options as of_a_service
from rollouts.cli.frame import Lazy, LazyGroup
from rollouts.cli.frame import command as kube_command

if TYPE_CHECKING:
    from analysis.baseline import Baseline
    from analysis.simulate import Plan, Step

HERE = "rollouts.cli.analyze"


@click.group(
    "analyze",
    cls=LazyGroup,
    table={
        "run": Lazy("rollouts.cli.analyze_run", "Judge with a template now, without a Rollout."),
        "simulate": Lazy(HERE, "Say what a canary plan will see, without a cluster.", "simulate"),
        "backtest": Lazy("rollouts.cli.analyze_backtest", "Say what a comparison would have done on the past."),
        "explain": Lazy("rollouts.cli.analyze_explain", "Tell what a comparing metric saw, with a picture."),
        "lint": Lazy("rollouts.cli.analyze_lint", "Say what surprises in templates, with file, line and mend."),
    },
)
def command() -> None:
    """Try an analysis before it is trusted."""


@kube_command(
    "simulate",
    connects=False,
    examples="""
    rollouts analyze simulate --rps 200 --errors 1% --plan 10%:10m
    rollouts analyze simulate --rps 40 --errors 0.1% --plan 5%:5m,25%:10m,50%:10m --rollouts-a-month 100
    rollouts analyze simulate --rps 200 --errors 1% --plan 10%:10m --dispersion 3 -o json
    rollouts analyze simulate --from-prometheus $P --requests r_total --bad 'code=~"5.."' --plan 5%:5m,25%:10m
    """,
)
@click.option("--rps", type=float, help="Requests a second of the service, all versions together.")
@click.option("--errors", metavar="PERCENT", help="Bad requests of a healthy version, such as 0.5%.")
@click.option("--from-prometheus", default="", metavar="ADDRESS", help="See both, and the dispersion, on this server.")
@of_a_service
@click.option("--plan", "plan_text", required=True, metavar="WEIGHT:TIME,...", help="Steps, such as 5%:5m,25%:10m.")
@click.option("--every", default="10s", metavar="TIME", help="Time between two looks (10s).")
@click.option("--alpha", type=float, default=0.01, help="False aborts a rollout, at most (0.01).")
@click.option("--beta", type=float, default=0.05, help="False certificates, at most (0.05).")
@click.option("--tolerated", type=float, default=1.05, help="The relative risk that is still fine (1.05).")
@click.option("--worse-than", type=float, default=1.5, help="The relative risk that a certificate rules out (1.5).")
@click.option("--dispersion", type=float, help="How bursty errors are: variance over independence (1).")
@click.option("--rollouts-a-month", type=float, default=20.0, help="For false aborts a month (20).")
@click.option("--seed", type=int, default=1, help="The same seed gives the same figures (1).")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the answer.")
@click.pass_context
def simulate(ctx: click.Context, /, output: str, **asked: Any) -> int:
    """Say what a canary plan will see: false aborts, what is detected and when, what users pay, what a floor allows.

    A second or two, no cluster. The plan is judged by `provider.comparison`. Asking a server needs the extra "fetch";
    what is told beside it goes before what is seen there. Exit codes: 0 told, 2 no answer of the server.
    """
    from dataclasses import asdict

    from analysis import simulate as simulation
    from analysis.errors import AnalysisError

    try:
        seen = _seen(asked)
        plan = _plan(asked, seen)
    except AnalysisError as error:
        click.echo(f"rollouts analyze simulate: {error}", err=True)
        return 2
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    report = simulation.simulate(plan)
    if output == "json":
        click.echo(json.dumps(report.as_data() | ({"baseline": asdict(seen)} if seen else {}), indent=2))
    else:
        click.echo("\n".join([*([str(seen)] if seen else []), *simulation.lines(plan, report)]))
    return 0


def _seen(asked: dict[str, Any]) -> Baseline | None:
    """What the service does on the server that was named. Raises ValueError, AnalysisError."""
    from rollouts.cli.analyze_live import baseline

    if address := str(asked["from_prometheus"]):
        return baseline(address, asked, seconds_of(str(asked["every"])))
    for name in ("rps", "errors"):
        if asked[name] is None:
            raise ValueError(f"missing option '--{name}': say it, or --from-prometheus ADDRESS to see it there")
    return None


def _plan(asked: dict[str, Any], seen: Baseline | None) -> Plan:
    """The plan of the options; what they leave open is as it was seen. Raises ValueError."""
    from analysis.simulate import Plan
    from analysis.stats.sequential import Setup

    rps, errors, dispersion = asked["rps"], asked["errors"], asked["dispersion"]
    return Plan(
        steps=steps_of(str(asked["plan_text"])),
        rps=seen.rps if seen and rps is None else float(rps),
        base_rate=seen.errors if seen and errors is None else share_of(str(errors)),
        every_s=seconds_of(str(asked["every"])),
        alpha=float(asked["alpha"]),
        beta=float(asked["beta"]),
        setup=Setup(r0=float(asked["tolerated"]), worse_than=float(asked["worse_than"])),
        dispersion=dispersion if dispersion is not None else round(seen.dispersion, 2) if seen else 1.0,
        rollouts_a_month=float(asked["rollouts_a_month"]),
        seed=int(asked["seed"]),
    )


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a plan such as 5%:5m,25%:10m. Raises ValueError."""
    from analysis.simulate import Step

    found = []
    for part in text.split(","):
        weight, colon, span = part.strip().partition(":")
        if not colon:
            raise ValueError(f"--plan: {part!r} is not WEIGHT:TIME, such as 10%:5m")
        found.append(Step(share_of(weight), seconds_of(span)))
    return tuple(found)


def share_of(text: str) -> float:
    """A percentage as a fraction; the sign may be left out. Raises ValueError."""
    try:
        return float(text.strip().removesuffix("%")) / 100
    except ValueError:
        raise ValueError(f"{text!r} is not a percentage, such as 0.5%") from None


def seconds_of(text: str) -> float:
    """The seconds of a duration such as 5m. Raises ValueError."""
    from analysis import duration
    from analysis.errors import AnalysisError

    try:
        return duration.parse_s(text.strip())
    except AnalysisError as error:
        raise ValueError(str(error)) from None
