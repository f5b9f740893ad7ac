"""One controller process: everything of the shell put together, started, watched over and stopped with grace."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from rollouts import __version__
from rollouts.delivery import StatusCompat
from rollouts.kube.kinds import LEASE
from rollouts.kube.ref import Kind, Ref
from rollouts.shell import eventloop, kubeconfig, logs, plugins, wiring
from rollouts.shell.act import Always, Hand, Right
from rollouts.shell.asks.answering import Answering
from rollouts.shell.asks.reach import Reach
from rollouts.shell.asks.steps import StepPlugins, Steps
from rollouts.shell.claim import OURS
from rollouts.shell.client import Client
from rollouts.shell.deliveries import Deliveries
from rollouts.shell.driver import Driver
from rollouts.shell.lease import LeaseKeeper
from rollouts.shell.loop import Machine
from rollouts.shell.metrics import Numbers, timed
from rollouts.shell.reflector import Reflector
from rollouts.shell.room import Room
from rollouts.shell.serve import Servers
from rollouts.shell.settings import DEFAULTS, Settings
from rollouts.shell.shadow import Shadow
from rollouts.shell.synccore import SyncCore, SyncOptions
from rollouts.shell.tell import Teller

GRACE_EVENTS_S = 1.0
UNDER_WAY_BUSY = 4  # with more than this under way, events step aside


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. Ports: 0 takes any free one, None serves nothing.  lease_namespace "": our own.

    shadow: write nothing, and tell what would be written.  prometheus_address: the server of metrics that name none.
    provider_networks: what metric providers may be asked at beside ordinary addresses, as CIDR.
    status_compat: for which readers statuses of Rollouts are written.
    step_plugins: servers of step plugins by name, or `disabled`.
    """

    leader_elect: bool = True
    instance_id: str = ""
    namespace: str = ""
    metrics_port: int | None = 8090
    health_port: int | None = 8080
    dry_run: bool = False
    shadow: bool = False
    rooms: tuple[str, ...] = ("delivery",)
    lease_namespace: str = ""
    log_level: str = "info"
    prometheus_address: str = ""
    provider_networks: tuple[str, ...] = ()
    status_compat: StatusCompat = "argo"
    step_plugins: Mapping[str, str] = field(default_factory=dict)
    sync: SyncOptions = field(default_factory=SyncOptions)


class Controller:
    """Owns every part. `run` returns the exit code of the process."""

    def __init__(self, access: kubeconfig.Access, options: Options, settings: Settings = DEFAULTS) -> None:
        self._access = access
        self._options = options
        self._settings = settings
        self._registry = CollectorRegistry()
        self._stop = asyncio.Event()
        self._lost = False
        self._client = Client(access, settings, connections_max=settings.requests_inflight_max + 8)
        self._watching = Client(access, settings, connections_max=8)  # for lists: watches are not limited
        self._events = Client(access, settings, connections_max=settings.events_inflight_max)
        self._sync = SyncCore(self._client, options.sync, settings) if "gitops" in options.rooms else None
        self._answering = Answering(
            self._client,
            settings,
            self._sync.sources if self._sync else None,
            reach=Reach(access.server, options.provider_networks, options.prometheus_address),
            home=access.namespace,
            steps=Steps(StepPlugins(plugins.steps(), options.step_plugins), access.server, settings.user_agent),
        )
        self._servers = Servers()
        rooms = tuple(
            timed(room, self._registry)
            for room in wiring.rooms(
                options.rooms,
                prometheus_address=options.prometheus_address,
                control_namespace=options.lease_namespace or access.namespace,
                status_compat="shadow" if options.shadow else options.status_compat,
            )
        )
        writes = not (options.dry_run or options.shadow)
        shadow = Shadow(settings.shadow_patience_s) if options.shadow else None
        self._machine = Machine(rooms, settings, dry_run=not writes, shadow=shadow)
        self._teller = Teller(self._events, settings, is_busy=self._is_busy)
        self._teller.sends_events = writes
        self._lease = self._keeper() if options.leader_elect and writes else None
        self._right: Right = self._lease or Always()
        hand = Hand(self._client, self._right)
        self._driver = Driver(
            self._machine, hand.act, self._answering.ask, self._teller.tell, watch=self._watch_on_demand
        )
        self._is_whole = any(room.is_whole for room in rooms)
        self._reflectors = self._make_reflectors(rooms)
        self._needed = tuple(self._reflectors)  # what is watched on demand waits for nobody, and nobody for it
        self._tasks: list[asyncio.Task[Any]] = []
        self.ports: dict[str, int] = {}

    def stop(self) -> None:
        """End with grace, as a signal would."""
        self._stop.set()

    @property
    def right_s(self) -> float:
        """For how many seconds this process may still write."""
        return self._right.remaining_s()

    async def run(self) -> int:
        """Run until a signal, or until the lead is lost (exit code 1)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._start()
            await self._until_stopped()
        finally:
            await self._close()
        return 1 if self._lost or self._driver.broken.done() else 0

    async def _start(self) -> None:
        options = self._options
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        deliveries = Deliveries(self._registry)
        self._machine.listeners.append(deliveries.see)
        self._registry.register(Numbers(self._machine, self._reflectors, self._teller, deliveries))
        if options.health_port is not None:
            self.ports["health_port"] = await self._servers.health(options.health_port, self._alive, self._ready)
        if options.metrics_port is not None:
            self.ports["metrics_port"] = await self._servers.metrics(options.metrics_port, self._registry)
        if self._sync is not None:
            self.ports |= await self._sync.start(self._machine, self._driver.nudge)
        logs.info(
            "controller started",
            version=__version__,
            server=self._access.server,
            namespace=options.namespace or "(all)",
            instance_id=options.instance_id,
            rooms=",".join(options.rooms),
            leader_elect=self._lease is not None,
            dry_run=options.dry_run,
            shadow=options.shadow,
            **self.ports,
        )
        if self._lease:
            self._lease.start()
        else:
            self._driver.lead(1)
        for reflector in self._reflectors:
            self._begin(reflector.run(), f"watch {reflector.interest.kind}")
        self._begin(self._teller.run(), "events")
        # What lives by now lives for ever; and most garbage of a turn is freed by counting, not by the collector.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)

    async def _until_stopped(self) -> None:
        stopped = asyncio.create_task(self._stop.wait())
        try:
            ends: set[asyncio.Future[Any]] = {stopped, self._driver.broken}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        if self._driver.broken.done():
            logs.error("controller broke", self._driver.broken.exception())

    async def _close(self) -> None:
        """Finish what is under way, then hand the lead over; a lost lead is not written with any more."""
        logs.info("controller stopping", requests_inflight=self._driver.inflight)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._driver.lead(None)
        await self._driver.settle(self._settings.stop_grace_s_max)
        if self._lease:
            await asyncio.to_thread(self._lease.stop, release=not self._lost)
        await self._teller.flush(GRACE_EVENTS_S)
        await self._driver.close()
        for part in (self._answering, self._sync, self._client, self._watching, self._events, self._servers):
            if part is not None:
                await part.close()
        logs.info("controller stopped")

    # Parts.

    def _keeper(self) -> LeaseKeeper:
        settings, options = self._settings, self._options
        suffix = f"-{options.instance_id}" if options.instance_id else ""
        # The rooms of another process have a lead of their own.
        name = settings.lease_name if "delivery" in options.rooms else f"rollouts-{'-'.join(options.rooms)}-lock"
        ref = Ref(LEASE, options.lease_namespace or self._access.namespace, name + suffix)
        identity = f"{OURS}{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
        loop = asyncio.get_running_loop()

        def changed(term: int | None) -> None:
            loop.call_soon_threadsafe(self._lead, term)

        return LeaseKeeper(self._access, ref, identity, settings, changed)

    def _lead(self, term: int | None) -> None:
        self._driver.lead(term)
        if term is None:  # a process that led once does not wait for another chance: it starts afresh
            self._lost = True
            self._stop.set()

    def _make_reflectors(self, rooms: tuple[Room, ...]) -> list[Reflector]:
        wanted = wiring.interests(rooms, self._options.namespace, self._options.instance_id)
        return [Reflector(self._watching, each, self._driver) for each in wanted]

    def _watch_on_demand(self, kind: Kind) -> None:
        """Some object needs a kind that nothing else needs: watch it until this process ends."""
        interest = wiring.demanded(kind, self._options.namespace, is_whole=self._is_whole)
        reflector = Reflector(self._watching, interest, self._driver)
        self._reflectors.append(reflector)
        logs.info("watching on demand", kind=str(kind))
        self._begin(reflector.run(), f"watch {kind}")

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """No part ends by itself: a controller that goes on without one would trust a cache that nobody keeps true."""
        if not task.cancelled() and not self._driver.broken.done():
            error = task.exception() or RuntimeError(f"{task.get_name()} ended")
            self._driver.broken.set_exception(error)

    def _is_busy(self) -> bool:
        return self._machine.under_way > UNDER_WAY_BUSY

    # Probes.

    def _alive(self) -> str:
        return "broken" if self._driver.broken.done() else ""

    def _ready(self) -> str:
        """A standby is ready too: its cache is warm. Beside another controller nothing is done here, which is not."""
        if self._lease and (holder := self._lease.stranger):
            lease = f"{self._lease.ref.namespace}/{self._lease.ref.name}"
            how = "nothing is written until it lets go; `rollouts adopt` tells how to switch"
            return f"the Lease {lease} is held by {holder}, another controller: {how}"
        deaf = [str(each.interest.kind) for each in self._needed if not each.hearing.is_listed]
        return f"not listed yet: {', '.join(deaf)}" if deaf else self._alive()


def run(access: kubeconfig.Access, options: Options) -> int:
    """Run a controller in this process; returns its exit code."""
    logs.set_up(options.log_level)
    user_agent = f"rollouts-controller/{__version__}"
    settings = replace(DEFAULTS, user_agent=user_agent)

    async def main() -> int:
        return await Controller(access, options, settings).run()

    with asyncio.Runner(loop_factory=eventloop.new) as runner:
        return runner.run(main())
