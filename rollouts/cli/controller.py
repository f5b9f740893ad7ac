"""`rollouts controller`: the process that looks after every Rollout."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.errors import ComplaintError
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection, prometheus_option

if TYPE_CHECKING:
    from rollouts.delivery import StatusCompat
    from rollouts.shell.synccore import SyncOptions

_PORT = click.IntRange(-1, 65535)
EXAMPLES = """
rollouts controller                                   # in a pod, for the whole cluster
rollouts controller --namespace shop --no-leader-elect # at your desk, for one namespace
rollouts controller --dry-run                         # tell what would be done, write nothing
rollouts controller --shadow                          # beside another controller: tell where the two differ
rollouts controller --instance-id blue                # only objects labelled for this instance
"""


def _networks(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(each, strict=False)) for each in given)
    except ValueError as error:
        raise click.BadParameter(f"{error}: want a network such as 10.0.0.0/8") from None


def _step_plugins(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, _, where = each.partition("=")
        if not name or not (where == "disabled" or where.startswith(("http://", "https://"))):
            raise click.BadParameter(f"{each}: want NAME=http://…, NAME=https://… or NAME=disabled")
        found[name] = where
    return found


@kube_command("controller", examples=EXAMPLES)
@click.option("--leader-elect/--no-leader-elect", default=True, show_default=True, help="Write only while leading.")
@click.option("--instance-id", default="", metavar="ID", help="Look after objects labelled with this instance id only.")
@click.option("--metrics-port", default=8090, show_default=True, type=click.IntRange(-1, 65535), help="-1: none.")
@click.option("--health-port", default=8080, show_default=True, type=click.IntRange(-1, 65535), help="-1: none.")
@click.option("--dry-run", is_flag=True, help="Log every plan and write nothing at all.")
@click.option("--shadow", is_flag=True, help="Write nothing; tell what another controller leaves unlike ours would.")
@click.option("--rooms", default="delivery", show_default=True, metavar="NAMES", help="What to run, comma-separated.")
@click.option("--lease-namespace", default="", metavar="NS", help="Where the Lease is; our own namespace by default.")
@prometheus_option
@click.option(
    "--allow-provider-network",
    "provider_networks",
    multiple=True,
    metavar="CIDR",
    callback=_networks,
    help="Let metrics be asked there, though it is loopback, link-local or a cloud's metadata service.",
)
@click.option(
    "--status-compat",
    default="argo",
    show_default=True,
    type=click.Choice(["argo", "kstatus", "int"]),
    help="status.observedGeneration: a text as Argo Rollouts has it, a number in each condition, or a number.",
)
@click.option(
    "--step-plugin",
    "step_plugins",
    multiple=True,
    metavar="NAME=URL",
    callback=_step_plugins,
    help="Who carries out steps of that plugin, over HTTP; NAME=disabled passes them over.",
)
@click.option("--sync-metrics-port", default=8082, show_default=True, type=_PORT, help="argocd_* figures; -1: none.")
@click.option("--webhook-port", default=-1, show_default=True, type=_PORT, help="Pushes of forges; -1: none.")
@click.option(
    "--sources-directory", default="", metavar="DIR", help="For git mirrors; gone with the process by default."
)
@click.option("--audit-file", default="", metavar="FILE", help="Append the audit trail of syncs here, too.")
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    leader_elect: bool,
    instance_id: str,
    metrics_port: int,
    health_port: int,
    dry_run: bool,
    shadow: bool,
    rooms: str,
    lease_namespace: str,
    prometheus_address: str,
    provider_networks: tuple[str, ...],
    status_compat: StatusCompat,
    step_plugins: Mapping[str, str],
    log_level: str,
    **sync: Any,
) -> int:
    """Run the controller until SIGTERM or SIGINT; without --namespace for the whole cluster.

    Exit code 1: the lead was lost, or a part broke; whoever started the process is expected to start it again.
    """
    from rollouts.cli.connection import access_of
    from rollouts.shell.controller import Options, run

    names = _rooms(rooms)
    wish = connection(ctx)
    options = Options(
        leader_elect=leader_elect,
        instance_id=instance_id,
        namespace=wish.namespace or "",
        metrics_port=None if metrics_port < 0 else metrics_port,
        health_port=None if health_port < 0 else health_port,
        dry_run=dry_run,
        shadow=shadow,
        rooms=names,
        lease_namespace=lease_namespace,
        log_level=log_level,
        prometheus_address=prometheus_address,
        provider_networks=provider_networks,
        status_compat=status_compat,
        step_plugins=step_plugins,
        sync=_sync(lease_namespace or access_of(wish).namespace, sync),
    )
    return run(access_of(wish), options)


def _sync(namespace: str, chosen: Mapping[str, Any]) -> SyncOptions:
    """The options of the sync core."""
    from rollouts.shell.synccore import SyncOptions

    return SyncOptions(
        metrics_port=None if chosen["sync_metrics_port"] < 0 else chosen["sync_metrics_port"],
        webhook_port=None if chosen["webhook_port"] < 0 else chosen["webhook_port"],
        directory=chosen["sources_directory"],
        audit_file=chosen["audit_file"],
        namespace=namespace,
    )


def _rooms(text: str) -> tuple[str, ...]:
    """The rooms that a list names. Raises ComplaintError for one that is not there."""
    from rollouts.shell.wiring import ROOMS

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in ROOMS]:
        raise ComplaintError(f"no room is called {unknown[0]!r}", fix=f"there are: {', '.join(ROOMS)}")
    return names
