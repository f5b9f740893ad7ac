"""`rollouts lint`: what is wrong in manifests on disk, before a cluster sees them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from rollouts.cli.findings import Finding, Source, lint
from rollouts.kit.strictyaml import BYTES_MAX

__all__ = ["Finding", "Source", "command", "lint"]

FILES_MAX = 10_000
_ENDINGS = frozenset({".yaml", ".yml", ".json"})
_EXAMPLES = """
\b
Examples:
  rollouts lint -f rollout.yaml
  rollouts lint -f deploy/ -f analysis/
  kustomize build overlays/prod | rollouts lint -f -
  rollouts lint -f deploy/ -o json

\b
Exit codes: 0 nothing wrong (warnings aside), 1 something wrong, 2 a file could not be read.
"""


class UnreadableError(Exception):
    """A file, a folder or standard input that cannot be read."""


def sources_of(names: Sequence[str]) -> Iterator[Source]:
    """The files behind names: a file, a folder with everything in it, or - for standard input.

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
        yield from sorted(each for each in path.rglob("*") if each.suffix in _ENDINGS and each.is_file())
    else:
        yield path


def _content(path: Path | None) -> bytes:
    """At most one byte more than may be read, so that too large a file is refused without being taken in."""
    try:
        if path is None:
            return sys.stdin.buffer.read(BYTES_MAX + 1)
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from None


@click.command("lint", epilog=_EXAMPLES)
@click.option("-f", "--filename", "names", multiple=True, required=True, help="File, folder, or - for standard input.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print findings.")
def command(names: tuple[str, ...], output: str) -> None:
    """Check Rollouts and analysis templates as the controller would, and say where and how to mend them.

    Unknown fields are errors here. Services, Ingresses and templates are looked up among the given files; what is not
    there gives a warning.
    """
    try:
        sources = tuple(sources_of(names))
    except UnreadableError as error:
        click.echo(f"rollouts lint: {error}", err=True)
        sys.exit(2)
    findings = lint(sources)
    if output == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(_told(finding))
        click.echo(_summary(findings, len(sources)))
    sys.exit(1 if any(finding.severity == "error" for finding in findings) else 0)


def _told(finding: Finding) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}"
    about = ": ".join(part for part in (finding.subject, finding.field) if part)
    line = f"{place}: {finding.severity}: {about + ': ' if about else ''}{finding.text} [{finding.reason}]"
    return f"{line}\n    mend: {finding.fix}" if finding.fix else line


def _summary(findings: Sequence[Finding], files: int) -> str:
    counts = Counter(finding.severity for finding in findings)
    parts = [f"{counts[name]} {name}{'s' if counts[name] != 1 else ''}" for name in ("error", "warning", "hint")
             if counts[name]]  # fmt: skip
    return f"{', '.join(parts) or 'nothing wrong'} in {files} file{'s' if files != 1 else ''}"
