"""`rollouts …` and `kubectl rollouts …`: the table of commands, and how every one of them ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Lazy, LazyGroup

HERE = "rollouts.cli"
COMMANDS: dict[str, Lazy] = {
    "get": Lazy(f"{HERE}.get", "Show one Rollout or Experiment as a tree."),
    "list": Lazy(f"{HERE}.list", "List Rollouts or Experiments."),
    "status": Lazy(f"{HERE}.status", "Wait for the end of an update and say how it ended."),
    "promote": Lazy(f"{HERE}.act", "End the present pause or step, or skip the rest of the update.", "promote"),
    "abort": Lazy(f"{HERE}.act", "Give all traffic back to the stable version.", "abort"),
    "retry": Lazy(f"{HERE}.act", "Begin an aborted update, or a finished experiment, again.", "retry"),
    "pause": Lazy(f"{HERE}.act", "Hold Rollouts where they are.", "pause"),
    "resume": Lazy(f"{HERE}.act", "Let paused Rollouts go on.", "resume"),
    "restart": Lazy(f"{HERE}.act", "Replace every pod without a new version.", "restart"),
    "undo": Lazy(f"{HERE}.undo", "Go back to an earlier revision."),
    "terminate": Lazy(f"{HERE}.act", "End an AnalysisRun or an Experiment now.", "terminate"),
    "create": Lazy(f"{HERE}.create", "Create objects from files, or an AnalysisRun from a template."),
    "set": Lazy(f"{HERE}.set_image", "Change a Rollout's image.", "set_group"),
    "why": Lazy(f"{HERE}.why", "Say what holds a Rollout, or what aborted it."),
    "timeline": Lazy(f"{HERE}.timeline", "Tell what happened, as text, JSON, SVG or PNG."),
    "explain": Lazy(f"{HERE}.explain", "Print the letter that would be carried out now, and the rule behind it."),
    "lint": Lazy(f"{HERE}.lint", "Say what is wrong in manifests, with file, line and mend."),
    "analyze": Lazy(f"{HERE}.analyze", "Try an analysis before it is trusted."),
    "adopt": Lazy(f"{HERE}.adopt", "Say what taking Rollouts over from another controller would do."),
    "convert": Lazy(f"{HERE}.convert", "Turn a Deployment into a Rollout, or a Rollout back."),
    "app": Lazy(f"{HERE}.app", "Applications: list, sync, diff, wait, roll back."),
    "project": Lazy(f"{HERE}.project", "AppProjects, and when syncs are allowed next."),
    "repo": Lazy(f"{HERE}.repo", "Repositories and the credentials that open them."),
    "tools": Lazy(f"{HERE}.tools", "The programs that render: which are here, how to get them."),
    "version": Lazy(f"{HERE}.version", "Print the version."),
    "controller": Lazy(f"{HERE}.controller", "Run the controller."),
    "webhook": Lazy(f"{HERE}.webhook", "Run the optional admission webhook."),
    "cluster": Lazy(f"{HERE}.cluster", "Keep a small cluster on this machine."),
    "demo": Lazy(f"{HERE}.demo", "Watch a canary be judged, without a cluster."),
    "completion": Lazy(f"{HERE}.completion", "Print a script that completes commands in your shell."),
}
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
ELSEWHERE = {
    "dashboard": "a Rollout is watched with: rollouts get ro NAME --watch",
    "notifications": "alerts are made of the metrics on :8090 (deploy/) and of Events",
    "options": "the connection options stand in: rollouts --help",
}


def _version(ctx: click.Context, param: click.Parameter, is_asked: bool) -> None:
    """`--version`, as `version` answers it."""
    if is_asked:
        from rollouts.cli.version import line

        click.echo(line(ctx))
        ctx.exit()


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    elsewhere=ELSEWHERE,
    connects=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Connection options stand before or after the command. Exit codes: 0 ok, 1 error, 2 degraded, 3 timeout, "
    "4 waits for a person (where that was asked), 5 not found, 64 usage, 130 interrupted.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def root() -> None:
    """Progressive delivery for Kubernetes: canaries judged by metrics, promoted or aborted by themselves."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; the console scripts end here."""
    called = Path(sys.argv[0]).name
    name = " ".join(called.split("-")) if called.startswith("kubectl-") else "rollouts"
    if sys.stdout is None:  # `>&-`: nobody wishes to hear the answer, and what is asked is done all the same
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it stays open for as long as we run
    output = sys.stdout
    try:
        result = root.main(
            args=list(args) if args is not None else None,
            prog_name=name,
            complete_var="_ROLLOUTS_COMPLETE",
            standalone_mode=False,
        )
    except ComplaintError as complaint:
        complaint.show()
        return complaint.code
    except click.exceptions.NoArgsIsHelpError as asked:  # a group alone is asked what it has
        click.echo(asked.ctx.get_help() if asked.ctx else "")
        return Exit.OK
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except (BrokenPipeError, SystemExit) as ended:
        if isinstance(ended, SystemExit) and sys.stdout is output:
            raise  # completion ends so; click, which may meet the closed pipe first, puts another output there
        _fall_silent()  # whoever read us has seen enough
        return Exit.OK
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _fall_silent()
        ComplaintError(f"standard output: {error.strerror}", fix="write the answer to another place").show()
        return Exit.ERROR
    return result if isinstance(result, int) else Exit.OK


def _fall_silent() -> None:
    """Keep a later flush at exit from complaining into what takes no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
