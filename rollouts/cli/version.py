"""`rollouts version`."""

from __future__ import annotations

import click

from rollouts.cli.frame import command as kube_command


@kube_command(
    "version",
    connects=False,
    examples="""
    rollouts version
    rollouts version --short
    """,
)
@click.option("--short", "_is_short", is_flag=True, help="The same; it is short already.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Form of the answer.")
@click.pass_context
def command(ctx: click.Context, /, _is_short: bool, output: str | None) -> None:
    """Print the version."""
    from importlib import metadata

    number = metadata.version("rollouts")
    if output:
        from rollouts.cli.output import show_data

        show_data({"version": number}, output)
        return
    called = (ctx.find_root().info_name or "rollouts").replace(" ", "-")
    click.echo(f"{called}: v{number}")
