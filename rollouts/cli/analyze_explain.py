"""`rollouts analyze explain`: a comparison told afterwards, in words and as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rollouts.cli.frame import command as kube_command

if TYPE_CHECKING:
    from analysis.report import Told

BYTES_MAX = 16 * 1024 * 1024


@kube_command(
    "explain",
    connects=False,
    examples="""
    kubectl get analysisrun web-5-2 -o json | rollouts analyze explain -f -
    rollouts analyze explain -f run.yaml --html report.html
    python -m analysis judge < looks.jsonl | rollouts analyze explain -f - --svg errors.svg
    """,
)
@click.option(
    "-f", "--filename", "name", required=True, help="AnalysisRun, or the judge's findings; - is standard input."
)
@click.option("--svg", "svg_path", type=click.Path(dir_okay=False, path_type=Path), help="Draw the first metric here.")
@click.option(
    "--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with all here."
)
@click.pass_context
def command(ctx: click.Context, name: str, svg_path: Path | None, html_path: Path | None) -> int:
    """Tell what a comparing metric saw: evidence and limits, relative risk, and when it could have been known."""
    from analysis import report
    from analysis.errors import AnalysisError

    try:
        text = sys.stdin.read(BYTES_MAX) if name == "-" else Path(name).read_text(encoding="utf-8")
        metrics = _read(text)
    except (OSError, UnicodeDecodeError, AnalysisError) as error:
        click.echo(f"rollouts analyze explain: {error}", err=True)
        return 2
    for told in metrics:
        click.echo("\n".join(report.words(told)))
    if not metrics:
        click.echo("no comparing metric has been measured")
    if svg_path and metrics:
        svg_path.write_text(report.svg(metrics[0]), encoding="utf-8")
    if html_path:
        html_path.write_text(report.page(metrics), encoding="utf-8")
    return 0


def _read(text: str) -> tuple[Told, ...]:
    """The metrics of a run, or of findings line by line. Raises AnalysisError."""
    import yaml

    from analysis import report
    from analysis.errors import AnalysisError

    lines = [line for line in text.splitlines() if line.strip()]
    try:
        if lines and "eBad" in json.loads(lines[0]):
            return (report.of_lines(lines),)
    except (ValueError, TypeError):
        pass
    try:
        manifest = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AnalysisError(f"neither an AnalysisRun nor findings: {str(error)[:200]}") from None
    if not isinstance(manifest, dict):
        raise AnalysisError("neither an AnalysisRun nor findings")
    return report.of_run(manifest)
