"""What a person may say to Rollouts, AnalysisRuns and Experiments, carried out as the contract's API writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from rollouts.cli import writes
from rollouts.cli.acting import Manner, Whom, act, selection_options, write_options
from rollouts.cli.complete import NameParam
from rollouts.cli.frame import Lazy, LazyGroup, SpanParam
from rollouts.cli.frame import command as kube_command
from rollouts.kube.kinds import ANALYSIS_RUN, EXPERIMENT, ROLLOUT
from rollouts.kube.ref import Kind, Manifest

_HERE = "rollouts.cli.act"


def _to_several(function: Callable[..., Any]) -> Callable[..., Any]:
    """Names or labels of Rollouts, and the options of a write."""
    names = click.argument("names", nargs=-1, metavar="NAME...", type=NameParam(ROLLOUT))
    return names(selection_options(write_options(function)))


def _to_names(kind: Kind) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Names of objects of that kind, and the options of a write."""
    names = click.argument("names", nargs=-1, metavar="NAME...", type=NameParam(kind))
    return lambda function: names(write_options(function))


def _word(
    name: str, about: str, examples: str, decide: Callable[[Manifest], writes.Decision], kind: Kind = ROLLOUT
) -> click.Command:
    """A command that is one decision about each object it is told of; Rollouts may be told by their labels, too."""

    @kube_command(name, examples=examples, help=about)
    @(_to_several if kind == ROLLOUT else _to_names(kind))
    @click.pass_context
    def command(ctx: click.Context, /, dry_run: str, output: str | None, **whom: Any) -> None:
        act(ctx, Whom(kind, **whom), Manner(dry_run, output), decide)

    return command


@kube_command(
    "promote",
    examples="""
    rollouts promote web             # end the present pause or step
    rollouts promote web --full      # skip every remaining step and analysis
    rollouts promote -l team=pay
    """,
)
@_to_several
@click.option("--full", is_flag=True, help="Skip all remaining steps, pauses and analyses.")
@click.option("-c", "--skip-current-step", "skip_one", is_flag=True, hidden=True)  # of the contract, deprecated there
@click.option("-a", "--skip-all-steps", "skip_all", is_flag=True, hidden=True)
@click.pass_context
def promote(
    ctx: click.Context, /, full: bool, skip_one: bool, skip_all: bool, dry_run: str, output: str | None, **whom: Any
) -> None:
    """End the present pause or step, or skip the rest of the update."""
    if full + skip_one + skip_all > 1:
        raise click.UsageError("--full, --skip-current-step and --skip-all-steps exclude each other", ctx)
    steps = "all" if skip_all else "one" if skip_one else ""
    act(
        ctx,
        Whom(ROLLOUT, **whom),
        Manner(dry_run, output),
        lambda rollout: writes.skip(rollout, steps) if steps else writes.promote(rollout, full=full),
    )


@kube_command(
    "restart",
    examples="""
    rollouts restart web
    rollouts restart web --in 10m
    """,
)
@_to_several
@click.option("-i", "--in", "delay_s", type=SpanParam(), default=0, help="Begin after this span; at once by default.")
@click.pass_context
def restart(ctx: click.Context, /, delay_s: float, dry_run: str, output: str | None, **whom: Any) -> None:
    """Replace every pod, a few at a time, without a new version."""
    from rollouts.cli import connection as wire

    now = wire.now()
    act(ctx, Whom(ROLLOUT, **whom), Manner(dry_run, output), lambda rollout: writes.restart(rollout, now, delay_s))


abort = _word(
    "abort",
    "Give all traffic back to the stable version and end the update.",
    """
    rollouts abort web
    rollouts abort web api -n shop
    rollouts abort -l team=pay -A
    """,
    writes.abort,
)
pause = _word("pause", "Hold Rollouts where they are, until `resume`.", "rollouts pause web", writes.pause)
resume = _word(
    "resume",
    "Lift a person's pause and the present step's pause; nothing else is skipped.",
    "rollouts resume web",
    writes.resume,
)


@click.group(
    "retry",
    cls=LazyGroup,
    table={
        "rollout": Lazy(_HERE, "Begin an aborted update again.", "retry_rollout"),
        "rollouts": Lazy(_HERE, "Begin an aborted update again.", "retry_rollout", hidden=True),
        "ro": Lazy(_HERE, "Begin an aborted update again.", "retry_rollout", hidden=True),
        "experiment": Lazy(_HERE, "Run an experiment again.", "retry_experiment"),
        "experiments": Lazy(_HERE, "Run an experiment again.", "retry_experiment", hidden=True),
        "exp": Lazy(_HERE, "Run an experiment again.", "retry_experiment", hidden=True),
    },
    usual="rollout",
)
def retry() -> None:
    """Begin an aborted update, or a finished experiment, again."""


retry_rollout = _word(
    "rollout", "Begin an aborted update again, from its first step.", "rollouts retry rollout web", writes.retry
)
retry_experiment = _word(
    "experiment",
    "Forget what an experiment has found, so that it runs again.",
    "rollouts retry experiment web-6b56c8cdb4-2-0",
    writes.retry_experiment,
    EXPERIMENT,
)


@click.group(
    "terminate",
    cls=LazyGroup,
    table={
        "analysisrun": Lazy(_HERE, "End an AnalysisRun now.", "terminate_run"),
        "analysisruns": Lazy(_HERE, "End an AnalysisRun now.", "terminate_run", hidden=True),
        "ar": Lazy(_HERE, "End an AnalysisRun now.", "terminate_run", hidden=True),
        "experiment": Lazy(_HERE, "End an Experiment now.", "terminate_experiment"),
        "experiments": Lazy(_HERE, "End an Experiment now.", "terminate_experiment", hidden=True),
        "exp": Lazy(_HERE, "End an Experiment now.", "terminate_experiment", hidden=True),
    },
)
def terminate() -> None:
    """End an AnalysisRun or an Experiment now."""


terminate_run = _word(
    "analysisrun",
    "End an AnalysisRun now; what it has measured so far decides.",
    "rollouts terminate analysisrun web-6b56c8cdb4-2",
    writes.terminate,
    ANALYSIS_RUN,
)
terminate_experiment = _word(
    "experiment",
    "End an Experiment now, as if its time were up.",
    "rollouts terminate experiment web-6b56c8cdb4-2-0",
    writes.terminate,
    EXPERIMENT,
)
