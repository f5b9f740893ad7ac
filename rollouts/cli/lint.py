"""`rollouts lint`: what is wrong in manifests on disk, before a cluster sees them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from rollouts.cli.errors import Exit
from rollouts.cli.findings import Finding, Source, lint
from rollouts.cli.frame import command as kube_command
from rollouts.cli.lintforms import FORMS
from rollouts.cli.output import show
from rollouts.kit.strictyaml import BYTES_MAX

__all__ = ["Finding", "Source", "command", "lint"]

FILES_MAX = 10_000
UNREADABLE = 2
_ENDINGS = frozenset({".yaml", ".yml", ".json"})


class UnreadableError(Exception):
    """A file, a folder or standard input that cannot be read."""


def sources_of(names: Sequence[str]) -> Iterator[Source]:
    """The files behind names: a file, a folder with everything in it that is not hidden, or - for standard input.

    Raises UnreadableError.
    """
    count = 0
    for name in names:
        for path in _files(name):
            count += 1
            if count > FILES_MAX:
                raise UnreadableError(f"more than {FILES_MAX} files")
            yield Source("<stdin>" if path is None else str(path), _content(path))


def _files(name: str) -> Iterator[Path | None]:
    if name == "-":
        yield None
        return
    path = Path(name)
    if path.is_dir():
        found = (each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file())
        yield from sorted(each for each in found if not _is_hidden(each.relative_to(path)))
    else:
        yield path


def _is_hidden(path: Path) -> bool:
    """Whether a tool keeps the file for itself: `.git`, `.venv`, `.github`."""
    return any(part.startswith(".") for part in path.parts)


def _content(path: Path | None) -> bytes:
    """At most one byte more than may be read, so that too large a file is refused without being taken in."""
    try:
        if path is None:
            return sys.stdin.buffer.read(BYTES_MAX + 1)
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from None


@kube_command(
    "lint",
    connects=False,
    examples="""
    rollouts lint deploy/ analysis/
    rollouts lint -f rollout.yaml
    kustomize build overlays/prod | rollouts lint -
    rollouts lint deploy/ -o sarif > findings.sarif
    """,
)
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
@click.option("-f", "--filename", "names", multiple=True, type=click.Path(), metavar="PATH",
              help="File, folder, or - for standard input.")  # fmt: skip
@click.option("-o", "--output", type=click.Choice(list(FORMS)), default="text", show_default=True,
              help="Form of the findings; github: annotations of a workflow run.")  # fmt: skip
@click.pass_context
def command(ctx: click.Context, paths: tuple[str, ...], names: tuple[str, ...], output: str) -> int:
    """Check Rollouts and analysis templates as the controller would, and say where and how to mend them.

    Unknown fields are errors here. Services, Ingresses and templates are looked up among the given files; what is not
    there gives a warning. Exit codes: 0 nothing wrong (warnings aside), 1 something wrong, 2 a file could not be read.
    """
    if not (paths or names):
        raise click.UsageError("name files or folders, or - for standard input", ctx)
    try:
        sources = tuple(sources_of((*names, *paths)))
    except UnreadableError as error:
        click.echo(f"Error: {error}", err=True)
        return UNREADABLE
    findings = lint(sources)
    show(FORMS[output](findings, len(sources)))
    return Exit.ERROR if any(finding.severity == "error" for finding in findings) else Exit.OK
