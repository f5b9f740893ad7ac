"""`rollouts version`."""

from __future__ import annotations

import click

from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import VALUE_FORMATS, output_option, show_value


@kube_command(
    "version",
    connects=False,
    examples="""
    rollouts version
    rollouts version --short
    """,
)
@click.option("--short", "_is_short", is_flag=True, help="The same; it is short already.")
@output_option(*VALUE_FORMATS)
@click.pass_context
def command(ctx: click.Context, /, _is_short: bool, output: str | None) -> None:
    """Print the version."""
    if output:
        show_value({"version": _number()}, output)
    else:
        click.echo(line(ctx))


def line(ctx: click.Context) -> str:
    """The program, by the name that it was called by, and its version."""
    called = (ctx.find_root().info_name or "rollouts").replace(" ", "-")
    return f"{called}: v{_number()}"


def _number() -> str:
    from importlib import metadata

    return metadata.version("rollouts")
