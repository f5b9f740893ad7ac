"""`rollouts completion bash|zsh|fish`."""

from __future__ import annotations

import click

from rollouts.cli.frame import command as kube_command


@kube_command(
    "completion",
    connects=False,
    examples="""
    source <(rollouts completion bash)
    rollouts completion fish > ~/.config/fish/completions/rollouts.fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands in your shell."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(ctx.find_root().command, {}, "rollouts", "_ROLLOUTS_COMPLETE").source())
