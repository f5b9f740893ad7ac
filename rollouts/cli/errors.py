"""What goes wrong between a person and a cluster: what, where, and the mend; each with its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from typing import IO, Any

import click

NEAREST_SHOWN = 3


class Exit(IntEnum):
    """Exit codes. Scripts of the contract test for zero only, so finer codes stay compatible."""

    OK = 0
    ERROR = 1
    DEGRADED = 2
    TIMEOUT = 3
    WAITS = 4
    NOT_FOUND = 5
    USAGE = 64
    INTERRUPTED = 130


class ComplaintError(click.ClickException):
    """A command that cannot do as asked.

    what: one line that names the object and the place.  fix: what to do instead, one line, "" where nobody knows.
    """

    def __init__(self, what: str, *, fix: str = "", code: Exit = Exit.ERROR) -> None:
        super().__init__(what)
        self.fix = fix
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print to standard error, the mend on a line of its own."""
        from rollouts.view.style import tamed  # what the cluster said may be anything

        click.echo(f"Error: {tamed(self.message)}", file=file, err=file is None)
        if self.fix:
            click.echo(f"  fix: {tamed(self.fix)}", file=file, err=file is None)


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that a person may have meant, the closest first."""
    return tuple(difflib.get_close_matches(name, list(known), n=NEAREST_SHOWN, cutoff=0.6))


def meant(name: str, known: Iterable[str]) -> str:
    """`did you mean "web"?`, or "" where nothing comes near."""
    found = nearest(name, known)
    return f"did you mean {' or '.join(repr(each) for each in found)}?" if found else ""
