"""What a process with the sync core has beside its rooms: sources, figures, the audit trail, the forges' door."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from rollouts.core.errors import HiccupError
from rollouts.kube.kinds import APPLICATION
from rollouts.kube.ref import Manifest, Ref
from rollouts.shell import logs
from rollouts.shell.appfigures import AppFigures
from rollouts.shell.asks import sandbox
from rollouts.shell.asks.capabilities import kube_version
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.audit import Audit
from rollouts.shell.client import Client
from rollouts.shell.loop import Machine
from rollouts.shell.serve import Servers
from rollouts.shell.settings import Settings
from rollouts.shell.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What the command line says. Ports: 0 takes any free one, None serves nothing.

    directory: of mirrors and scratch space, "" for one that goes with the process.  audit_file: "" for the log alone.
    namespace: where `argocd-secret` is.
    """

    metrics_port: int | None = 8082
    webhook_port: int | None = None
    directory: str = ""
    audit_file: str = ""
    namespace: str = ""


class SyncCore:
    """Made before the machine, which asks its sources; started with it."""

    def __init__(self, client: Client, options: SyncOptions, settings: Settings) -> None:
        self._client = client
        self._options = options
        self._machine: Machine | None = None
        self._servers = Servers()
        self._webhooks: Webhooks | None = None
        self._own = None if options.directory else tempfile.TemporaryDirectory(prefix="rollouts-sources-")
        where = Path(self._own.name if self._own else options.directory)
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chmod(where, 0o700)  # what is fetched for one project is nobody else's
        self._registry = CollectorRegistry()
        self._figures = AppFigures(self._registry, self._applications)
        self._audit = Audit(Path(options.audit_file) if options.audit_file else None)
        self.sources = GitAndCharts(client, where, settings, self._figures.git)

    async def start(self, machine: Machine, nudge: Callable[[Ref], bool]) -> dict[str, int]:
        """Listen to the machine's cache and open the doors; the ports by name. nudge: see `Driver.nudge`."""
        self._machine = machine
        machine.listeners += [self._figures.see, self._audit.see]
        with contextlib.suppress(HiccupError):  # without it a figure lacks a label
            self._figures.kube_version = await kube_version(self._client)
        if not await asyncio.to_thread(sandbox.is_offline_possible):
            logs.warn("renders keep the network: this kernel or container forbids to take it away")
        ports = {}
        if self._options.metrics_port is not None:
            ports["sync_metrics_port"] = await self._servers.metrics(self._options.metrics_port, self._registry)
        if self._options.webhook_port is not None:
            self._webhooks = Webhooks(self._client, self._options.namespace, self._applications, nudge)
            ports["webhook_port"] = await self._webhooks.start(self._options.webhook_port)
        return ports

    async def close(self) -> None:
        """Close the doors and throw away what went with the process; the sources are closed by whoever asks them."""
        if self._webhooks is not None:
            await self._webhooks.close()
        await self._servers.close()
        if self._own is not None:
            self._own.cleanup()

    def _applications(self) -> Iterable[Manifest]:
        return () if self._machine is None else self._machine.cache.table(APPLICATION)
