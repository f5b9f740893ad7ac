"""The commands as a page: `python -m rollouts.cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from rollouts.cli.frame import LazyGroup
from rollouts.cli.main import root

WIDTH = 100
HEAD = """# Command line

Generated from `--help` (`make docs`); a test compares.
`kubectl rollouts …` is the same program where `kubectl-rollouts` is on the PATH.
"""


def page() -> str:
    """Every command's help, in the order of the table."""
    parts = [HEAD]
    for words, command in walk(root, ("rollouts",)):
        context = click.Context(command, info_name=" ".join(words), terminal_width=WIDTH, max_content_width=WIDTH)
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {' '.join(words)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def walk(group: LazyGroup, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A group and every command below it that its listing shows, with the words that call it."""
    pending: list[tuple[tuple[str, ...], click.Command]] = [(words, group)]
    while pending:
        called, command = pending.pop(0)
        yield called, command
        if isinstance(command, LazyGroup):
            context = click.Context(command)
            shown = [name for name, entry in command.table.items() if not entry.hidden]
            below = [((*called, name), command.get_command(context, name)) for name in shown]
            pending = [(path, found) for path, found in below if found is not None] + pending


if __name__ == "__main__":
    click.echo(page(), nl=False)
