"""Where the embedded cluster's metrics are asked: a real Prometheus where one is installed, else our own small one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Protocol

import aiohttp
import orjson
import yaml
from aiohttp import web

from rollouts.devplane.child import Child, free_port, program
from rollouts.devplane.kubelet import Kubelet
from rollouts.devplane.metrics import PrometheusApi, SeriesStore

START_S_MAX = 20.0
_CLOSE_S_MAX = 1.0


class Prometheus(Protocol):
    """A metrics server on 127.0.0.1 that scrapes the pods of a kubelet."""

    name: str
    url: str

    async def start(self) -> None:
        """Begin to scrape and to answer."""
        ...

    async def stop(self) -> None:
        """End."""
        ...


def prometheus_for(kubelet: Kubelet, folder: Path, scrape_s: float, *, embedded: bool = False) -> Prometheus:
    """The metrics server of this machine: the installed program unless there is none or `embedded` is wished."""
    path = None if embedded else program("prometheus")
    return EmbeddedPrometheus(kubelet, scrape_s) if path is None else RealPrometheus(path, kubelet, folder, scrape_s)


class EmbeddedPrometheus:
    """Our own: reads the pods' counters where they are counted."""

    name = "embedded PromQL"

    def __init__(self, kubelet: Kubelet, scrape_s: float) -> None:
        self._kubelet = kubelet
        self._scrape_s = scrape_s
        self._series = SeriesStore()
        self._runner: web.AppRunner | None = None
        self._scraper: asyncio.Task[None] | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port and begin to scrape."""
        application = web.Application()
        application.add_routes(PrometheusApi(self._series).routes())
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_CLOSE_S_MAX)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._scraper = asyncio.get_running_loop().create_task(self._scrape())

    async def stop(self) -> None:
        """End scraping and listening."""
        if self._scraper is not None:
            self._scraper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._scraper
        if self._runner is not None:
            await self._runner.cleanup()

    async def _scrape(self) -> None:
        while True:
            self._series.scrape(time.time(), self._kubelet.counters())
            await asyncio.sleep(self._scrape_s)


class RealPrometheus:
    """The installed program, told about pods by a file that is rewritten as they come and go."""

    name = "Prometheus"

    def __init__(self, path: str, kubelet: Kubelet, folder: Path, scrape_s: float) -> None:
        self._kubelet = kubelet
        self._scrape_s = scrape_s
        self._targets = folder / "targets.json"
        self._config = folder / "prometheus.yml"
        self._writer: asyncio.Task[None] | None = None
        self._told = b""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = (
            path,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        )
        self._child = Child(arguments, folder / "prometheus.log")

    async def start(self) -> None:
        """Start the program and wait until it is ready. Raises RuntimeError with its log if it never is."""
        files = [{"files": [str(self._targets)], "refresh_interval": "1s"}]
        job = {"job_name": "pods", "scrape_interval": f"{int(self._scrape_s * 1000)}ms", "file_sd_configs": files}
        timing = {"scrape_timeout": job["scrape_interval"]}
        self._config.write_text(yaml.safe_dump({"scrape_configs": [job | timing]}))
        self._tell()
        await self._child.start()
        end_s = asyncio.get_running_loop().time() + START_S_MAX
        async with aiohttp.ClientSession() as session:
            while not await _is_ready(session, self.url):
                if not self._child.is_running or asyncio.get_running_loop().time() > end_s:
                    raise RuntimeError(f"prometheus is not ready at {self.url}:\n{self._child.tail()}")
                await asyncio.sleep(0.1)
        self._writer = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """End the program."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        await self._child.stop()

    async def _follow(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(self._scrape_s / 2)

    def _tell(self) -> None:
        given = ("instance", "job")  # the program sets these itself
        listed = [
            {"targets": [address], "labels": {key: value for key, value in labels.items() if key not in given}}
            for address, labels in self._kubelet.targets()
        ]
        text = orjson.dumps(listed)
        if text != self._told:
            # Renamed into place: the program never reads half a file.
            partial = self._targets.with_suffix(".partial")
            partial.write_bytes(text)
            partial.rename(self._targets)
            self._told = text


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/-/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
