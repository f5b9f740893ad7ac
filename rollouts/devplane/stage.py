"""Everything that the demo needs around one Rollout, started together and ended together."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from rollouts.api import crds
from rollouts.devplane.child import Child
from rollouts.devplane.kubelet import DRAIN_S
from rollouts.devplane.load import Load
from rollouts.devplane.manifests import examples_folder, for_demo, load
from rollouts.devplane.podserver import VERSION_HEADER
from rollouts.devplane.prometheus import Prometheus, prometheus_for
from rollouts.devplane.server import Devplane
from rollouts.devplane.traffic import Traefik

HOST = "web.example.com"
EXAMPLE = "01-canary-nginx"
SCRAPE_S = 1.0
SCRAPE_S_MIN = 0.2
ROUTED_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """speed: divides every span of the example.  example: the folder under examples/ to play.

    embedded_metrics: our own PromQL even where Prometheus is installed.
    """

    speed: float = 5.0
    rate_per_s: float = 100.0
    example: str = EXAMPLE
    embedded_metrics: bool = False


class Stage:
    """The embedded cluster, Traefik, metrics, load, and the controller as a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="rollouts-demo-")
        self.folder = Path(self._folder.name)
        self.plane = Devplane(drain_s=DRAIN_S)
        self.traefik: Traefik | None = None
        self.prometheus: Prometheus | None = None
        self.load: Load | None = None
        self.controller: Child | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, _type: type[BaseException] | None, _error: object, _where: TracebackType | None) -> None:
        await self.stop()

    async def _start(self) -> None:
        await self.plane.start()
        self.plane.create_all(crds.definitions())
        self.kubeconfig = self.plane.write_kubeconfig(self.folder / "kubeconfig")
        self.controller = Child(self._controller_command(), self.folder / "controller.log", dict(os.environ))
        await self.controller.start()
        scrape_s = max(SCRAPE_S_MIN, SCRAPE_S / self.settings.speed)
        embedded = self.settings.embedded_metrics
        self.prometheus = prometheus_for(self.plane.kubelet, self.folder, scrape_s, embedded=embedded)
        self.traefik = Traefik(self.plane.url, self.folder)
        await asyncio.gather(self.prometheus.start(), self.traefik.start())
        manifests = load(examples_folder() / self.settings.example)
        self.plane.create_all(for_demo(manifests, self.prometheus.url, self.settings.speed))

    def _controller_command(self) -> Sequence[str]:
        """The controller without a Lease (a killed one's would have to run out) and on ports that are free."""
        return (
            *(sys.executable, "-m", "rollouts.cli.main", "controller"),
            *("--kubeconfig", str(self.kubeconfig)),
            *("--no-leader-elect", "--metrics-port", "0", "--health-port", "0"),
        )

    async def stop(self) -> None:
        """End everything; what one part refuses does not keep the others."""
        stops = [
            part.stop() for part in (self.load, self.controller, self.traefik, self.prometheus) if part is not None
        ]
        await asyncio.gather(*stops, return_exceptions=True)
        await self.plane.stop()
        self._folder.cleanup()

    async def start_load(self) -> Load:
        """Begin to send requests, once the router knows the way. Raises RuntimeError if it never does."""
        assert self.traefik is not None
        end_s = asyncio.get_running_loop().time() + ROUTED_S_MAX
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self.traefik.url, headers={"Host": HOST}) as response:
                    if response.headers.get(VERSION_HEADER):
                        break
                if asyncio.get_running_loop().time() > end_s:
                    raise RuntimeError(f"no pod answers through Traefik after {ROUTED_S_MAX:.0f} s")
                await asyncio.sleep(0.05)
        self.load = Load(self.traefik.url, HOST, self.settings.rate_per_s)
        self.load.start()
        return self.load
