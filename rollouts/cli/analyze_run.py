"""`rollouts analyze run`: judge with a template now, from this machine, without a Rollout."""

from __future__ import annotations

from pathlib import Path

import click

from rollouts.cli.frame import command as kube_command


@kube_command(
    "run",
    connects=False,
    examples="""
    rollouts analyze run -f template.yaml --arg service=web --address http://localhost:9090
    rollouts analyze run --library nginx-success-rate --arg namespace=shop --arg ingress=web --address http://prom:9090
    """,
)
@click.option(
    "-f", "--filename", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Template."
)
@click.option(
    "--library", "name", default="", metavar="NAME", help="A ready template instead; a wrong name lists them."
)
@click.option("--arg", "given", multiple=True, metavar="NAME=VALUE", help="An argument's value.")
@click.option("--address", default="", help="The Prometheus server where a metric names none.")
@click.option("--show", is_flag=True, help="Say what the metrics mean, and ask nothing.")
@click.pass_context
def command(
    ctx: click.Context, path: Path | None, name: str, given: tuple[str, ...], address: str, show: bool
) -> int:  # fmt: skip
    """Run an analysis as the controller would, until there is a verdict.

    Needs the extra "fetch". Exit codes: 0 Successful, 1 Failed, 2 a template or an argument is wrong, 3 Inconclusive,
    4 Error.
    """
    from analysis import library, program
    from analysis.errors import AnalysisError

    if bool(path) == bool(name):
        raise click.UsageError("give either --filename or --library", ctx)
    try:
        spec = program.spec_of(path, given) if path else program.run_spec(library.read(name), given)
        return program.explain(spec) if show else program.run(spec, address)
    except (AnalysisError, OSError) as error:
        click.echo(f"rollouts analyze run: {error}", err=True)
        return 2
