"""`rollouts webhook`: the optional admission server."""

from __future__ import annotations

from pathlib import Path

import click

from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@kube_command(
    "webhook",
    examples="""
    rollouts webhook --certificate /tls/tls.crt --key /tls/tls.key
    rollouts webhook --address 127.0.0.1   # plain HTTP, behind something that speaks TLS
    """,
)
@click.option("--certificate", type=_FILE, help="PEM file of the server's certificate; without it: plain HTTP.")
@click.option("--key", type=_FILE, help="PEM file of the certificate's key.")
@click.option("--port", type=click.IntRange(1, 65535), default=9443, show_default=True)
@click.option("--address", default="", help="Address to listen on; all of them by default.")
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@click.pass_context
def command(
    ctx: click.Context, certificate: Path | None, key: Path | None, port: int, address: str, log_level: str
) -> int:
    """Refuse invalid Rollouts, Experiments, templates and runs before the cluster stores them.

    The same rules as lint and the controller; the controller is safe without it. What an object names (Services,
    Ingresses, templates) is not looked up here, for it may come later. `deploy/webhook` installs it.
    """
    from rollouts.cli.connection import access_of
    from rollouts.shell.admission import Options, run

    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together", ctx)
    return run(access_of(connection(ctx)), Options(port, address, certificate, key, log_level))
