"""`rollouts analyze lint`: what surprises in analysis templates, with file and line, as text, JSON or SARIF."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.analyze_live import options as of_a_service
from rollouts.cli.frame import command as kube_command

if TYPE_CHECKING:
    from analysis.baseline import Baseline
    from analysis.lint import Finding
    from analysis.lint_rates import Rates
    from rollouts.kit.strictyaml import Document

KINDS = frozenset({"AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"})
LOOK_S = 10.0
SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}


@kube_command(
    "lint",
    connects=False,
    examples="""
    rollouts analyze lint -f templates/
    rollouts analyze lint -f templates/ --fix
    rollouts analyze lint -f templates/ --rps 40 --errors 0.5% --weight 10%
    rollouts analyze lint -f templates/ --live http://localhost:9090 --requests r_total --bad 'code=~"5.."'
    rollouts analyze lint -f templates/ -o sarif > findings.sarif
    """,
)
@click.option("-f", "--filename", "names", multiple=True, required=True, help="File, folder, or - for standard input.")
@click.option("--fix", is_flag=True, help="Write what is safe to mend into the files.")
@click.option("--rps", type=float, help="Requests a second of the service: thresholds are tried on them.")
@click.option("--errors", metavar="PERCENT", help="Bad requests of a healthy version, with --rps (1%).")
@click.option("--weight", default="10%", metavar="PERCENT", help="The canary's share, with --rps or --live (10%).")
@click.option("--live", default="", metavar="ADDRESS", help="See traffic, errors and scrapes on this Prometheus.")
@of_a_service
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "sarif"]), default="text", help="Form of the answer."
)
@click.pass_context
def command(ctx: click.Context, /, names: tuple[str, ...], fix: bool, output: str, **asked: Any) -> int:
    """Say what surprises in analysis templates (L01 to L13) beyond what makes them invalid.

    With --rps or --live thresholds are tried on the service's traffic (L06, L11), with --live windows on its scrapes
    (L03) too; asking a server needs the extra "fetch".
    Exit codes: 0 nothing but hints, 1 warnings, 2 a file could not be read, or no server answered.
    """
    from analysis.errors import AnalysisError
    from rollouts.cli.lint import UnreadableError, sources_of
    from rollouts.kit.strictyaml import YamlError, read

    try:
        documents = [document for source in sources_of(names) for document in read(source.content, source.name)]
    except (UnreadableError, YamlError) as error:
        click.echo(f"rollouts analyze lint: {error}", err=True)
        return 2
    try:
        seen = _seen(asked)
        rates = _rates(asked, seen)
    except AnalysisError as error:
        click.echo(f"rollouts analyze lint: {error}", err=True)
        return 2
    except ValueError as error:
        raise click.UsageError(str(error), ctx) from None
    found = [(document, finding) for document in documents for finding in _findings(document, rates, seen)]
    if fix:
        found = _mended(found)
    if output == "text":
        if seen:
            click.echo(str(seen))
        for document, finding in found:
            line, column = document.position(f"spec.{finding.path}")
            place = f"{document.source}:{line}:{column}: {finding.severity}"
            click.echo(f"{place}: {finding.text} [{finding.code}]\n    mend: {finding.fix}")
        click.echo(f"{len(found)} finding{'s' if len(found) != 1 else ''}")
    else:
        rows = [_row(document, finding) for document, finding in found]
        click.echo(json.dumps(_sarif(rows) if output == "sarif" else rows, indent=2, ensure_ascii=False))
    return 1 if any(finding.severity != "hint" for _, finding in found) else 0


def _seen(asked: dict[str, Any]) -> Baseline | None:
    """What the service does on the server that was named. Raises ValueError, AnalysisError."""
    from rollouts.cli.analyze_live import baseline

    return baseline(asked["live"], asked, LOOK_S) if asked["live"] else None


def _rates(asked: dict[str, Any], seen: Baseline | None) -> Rates | None:
    """What a healthy service does, where it was told or seen. Raises ValueError."""
    from analysis.lint_rates import Rates
    from rollouts.cli.analyze import share_of

    rps, errors = asked["rps"], asked["errors"]
    if rps is None and seen is None:
        return None
    rate = seen.errors if seen and errors is None else share_of(errors or "1%")
    return Rates(seen.rps if seen and rps is None else rps, share_of(asked["weight"]), rate)


def _findings(document: Document, rates: Rates | None, seen: Baseline | None) -> Sequence[Finding]:
    from analysis.lint import SCRAPE_S, lint
    from analysis.lint_rates import lint_rates

    manifest = document.value
    spec = manifest.get("spec")
    if manifest.get("kind") not in KINDS or not isinstance(spec, dict):
        return ()
    return (*lint(spec, seen.scrape_s if seen else SCRAPE_S), *(lint_rates(spec, rates) if rates else ()))


def _row(document: Document, finding: Finding) -> dict[str, Any]:
    line, column = document.position(f"spec.{finding.path}")
    return {
        "file": document.source, "line": line, "column": column, "code": finding.code, "severity": finding.severity,
        "field": f"spec.{finding.path}", "text": finding.text, "fix": finding.fix,
    }  # fmt: skip


def _mended(found: Sequence[tuple[Document, Finding]]) -> list[tuple[Document, Finding]]:
    """Write the safe mends into their files, and give back what is left."""
    from analysis.lint import mended

    places: dict[str, list[tuple[int, str]]] = {}
    left = []
    for document, finding in found:
        if finding.insert and Path(document.source).is_file():
            line, _ = document.position(f"spec.{finding.path.partition('.')[0]}")
            places.setdefault(document.source, []).append((line, finding.insert))
        else:
            left.append((document, finding))
    for name, inserts in places.items():
        path = Path(name)
        lines = mended(path.read_text(encoding="utf-8").splitlines(), inserts)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return left


def _sarif(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    from analysis.lint import RULES

    rules = [{"id": code, "shortDescription": {"text": text}} for code, text in RULES.items()]
    driver = {"name": "rollouts analyze lint", "rules": rules}
    return {
        "$schema": SARIF,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": list(_results(rows))}],
    }


def _results(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        region = {"startLine": row["line"], "startColumn": row["column"]}
        yield {
            "ruleId": row["code"],
            "level": _LEVELS[row["severity"]],
            "message": {"text": f"{row['text']}; {row['fix']}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": row["file"]}, "region": region}}],
        }
