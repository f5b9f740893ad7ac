"""`rollouts cluster up|down|status`: an embedded cluster that stays, with a kubeconfig for every client."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Lazy, LazyGroup
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import show, show_data

if TYPE_CHECKING:
    from rollouts.devplane.standing import Home, State

_HERE = "rollouts.cli.cluster"


@click.group(
    "cluster",
    cls=LazyGroup,
    table={
        "up": Lazy(_HERE, "Start a cluster on this machine.", "up"),
        "down": Lazy(_HERE, "Stop it, with everything in it.", "down"),
        "status": Lazy(_HERE, "Say whether it runs, and where.", "status"),
    },
)
def command() -> None:
    """Keep a small cluster on this machine, for kubectl and every other client."""


def _name_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--name", default="dev", show_default=True, help="Which cluster, where there are several.")(
        function
    )


@kube_command(
    "up",
    connects=False,
    examples="""
    rollouts cluster up
    export KUBECONFIG=$(rollouts cluster status -o kubeconfig)
    rollouts cluster up --name other --port 8001 --no-controller
    """,
)
@_name_option
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; any free one by default.")
@click.option("--controller/--no-controller", default=True, show_default=True, help="Run our controller in it.")
@click.option("--serve-pods", is_flag=True, help="Pods are real servers on 127.0.0.1, as in the demo.")
def up(name: str, port: int, controller: bool, serve_pods: bool) -> None:
    """Start a cluster that stays until `cluster down`, or until the machine ends.

    It keeps everything in memory, and listens on 127.0.0.1 alone, without a password: whoever may run programs on this
    machine may use it. kubectl speaks to it as to any cluster; pods have no containers, hence no logs and no exec.
    """
    from rollouts.devplane.standing import StandingError, Wish
    from rollouts.devplane.standing import up as start

    home = _home(name)
    if home.found():
        raise ComplaintError(f"cluster {name!r} runs already", fix=f"rollouts cluster down{_named(name)}")
    try:
        state = start(home, Wish(port, serve_pods, controller))
    except StandingError as error:
        raise ComplaintError(str(error), fix="leave --port out to take any free port" if port else "") from None
    show([*_told(name, state), f"  export KUBECONFIG={state.kubeconfig}"])


@kube_command(
    "down",
    connects=False,
    examples="""
    rollouts cluster down
    """,
)
@_name_option
def down(name: str) -> None:
    """Stop a cluster, with everything in it."""
    from rollouts.devplane.standing import StandingError
    from rollouts.devplane.standing import down as stop

    try:
        was_up = stop(_home(name))
    except StandingError as error:
        raise ComplaintError(str(error)) from None
    show([f"cluster '{name}' {'stopped' if was_up else 'is not running'}"])


@kube_command(
    "status",
    connects=False,
    examples="""
    rollouts cluster status
    kubectl --kubeconfig $(rollouts cluster status -o kubeconfig) get all
    """,
)
@_name_option
@click.option("-o", "--output", type=click.Choice(["json", "yaml", "kubeconfig"]), help="Form of the answer.")
def status(name: str, output: str | None) -> None:
    """Say whether a cluster runs, and where; exit code 5 where it does not."""
    state = _home(name).found()
    if state is None:
        fix = f"rollouts cluster up{_named(name)}"
        raise ComplaintError(f"cluster {name!r} is not running", fix=fix, code=Exit.NOT_FOUND)
    if output == "kubeconfig":
        show([state.kubeconfig])
    elif output:
        show_data({"name": name, **asdict(state)}, output)
    else:
        show(_told(name, state))


def _told(name: str, state: State) -> list[str]:
    controller = "with" if state.controller else "without"
    return [f"cluster '{name}' runs at {state.server} (pid {state.pid}), {controller} a controller"]


def _named(name: str) -> str:
    return "" if name == "dev" else f" --name {name}"


def _home(name: str) -> Home:
    from rollouts.devplane.standing import Home

    if not name.replace("-", "").isalnum():
        raise ComplaintError(f"{name!r} is no name of a cluster", fix="use letters, digits and -")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Home(Path(cache) / "rollouts" / "clusters" / name)
