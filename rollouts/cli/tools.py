"""`rollouts tools list|install`: the programs that render."""

from __future__ import annotations

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Lazy, LazyGroup
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import output_option, show, show_data
from rollouts.core.errors import HiccupError

_HERE = "rollouts.cli.tools"


@click.group(
    "tools",
    cls=LazyGroup,
    table={
        "list": Lazy(_HERE, "Say which programs are here.", "list_command"),
        "install": Lazy(_HERE, "Get programs, by Go or by pip.", "install"),
    },
)
def command() -> None:
    """The programs that render: git, Kustomize, Helm, sops, Jsonnet."""


@kube_command("list", examples="rollouts tools list", connects=False)
@output_option("json", "yaml")
def list_command(output: str | None) -> None:
    """Say which programs are here, where and in which version."""
    from rollouts.shell import tools
    from rollouts.view import table

    found = [
        {
            "name": tool.name,
            "for": tool.purpose,
            "version": tools.version(tool.name) or "(missing)",
            "path": tools.find(tool.name) or f"rollouts tools install {tool.name}",
        }
        for tool in tools.TOOLS
    ]
    if output:
        show_data(found, output)
    else:
        show(table.lines(("NAME", "FOR", "VERSION", "PATH"), [tuple(each.values()) for each in found]))


@kube_command(
    "install",
    examples="""
    rollouts tools install kustomize helm
    ROLLOUTS_TOOLS=/opt/tools rollouts tools install kustomize
    """,
    connects=False,
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def install(names: tuple[str, ...]) -> None:
    """Get programs at the versions that are tested: Kustomize and Helm are built by Go, the others are wheels."""
    from rollouts.shell import tools

    known = [tool.name for tool in tools.TOOLS]
    for name in names:
        if name not in known:
            raise ComplaintError(f"no tool is called {name!r}", fix=f"there are: {', '.join(known)}", code=Exit.USAGE)
    for name in names:
        try:
            show([f"{name}: {tools.install(name)}"])
        except HiccupError as error:
            raise ComplaintError(str(error)) from None
