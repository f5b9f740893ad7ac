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
@click.option("--short", is_flag=True, help="The number alone.")
@click.option("-o", "--output", type=click.Choice(["json", "yaml"]), help="Form of the answer.")
def command(short: bool, output: str | None) -> None:
    """Print the version."""
    from importlib import metadata

    number = metadata.version("rollouts")
    if output:
        from rollouts.cli.output import show_data

        show_data({"version": number}, output)
    else:
        click.echo(number if short else f"rollouts: v{number}")
