"""Traefik in front of the embedded cluster: an ingress controller that this project did not write carries requests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from rollouts.devplane.child import Child, free_port, program

START_S_MAX = 20.0
NOT_THERE = "traefik is neither beside this Python nor on the PATH"


class Traefik:
    """The process, told to route by the Ingresses of one API server."""

    def __init__(self, api_url: str, folder: Path, *, token: str = "anyone") -> None:  # noqa: S107  # no secret: the devplane asks for none
        path = program("traefik")
        if path is None:
            raise FileNotFoundError(NOT_THERE)
        self.port = free_port()
        provider = "--providers.kubernetesingressnginx"
        self.child = Child(
            (
                path,
                f"{provider}=true",
                f"{provider}.endpoint={api_url}",
                f"{provider}.token={token}",
                f"{provider}.throttleduration=50ms",
                "--providers.providersthrottleduration=50ms",
                f"--entrypoints.web.address=127.0.0.1:{self.port}",
                "--global.sendanonymoususage=false",
                "--global.checknewversion=false",
                "--log.level=INFO",
                "--log.nocolor=true",
            ),
            folder / "traefik.log",
        )

    @property
    def url(self) -> str:
        """Where requests enter."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until the entry point answers. Raises RuntimeError with the log's end if it does not."""
        await self.child.start()
        end_s = asyncio.get_running_loop().time() + START_S_MAX
        async with aiohttp.ClientSession() as session:
            while self.child.is_running and asyncio.get_running_loop().time() < end_s:
                try:
                    async with session.get(self.url):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        raise RuntimeError(f"traefik does not answer at {self.url}:\n{self.child.tail()}")

    async def stop(self) -> None:
        """End the process."""
        await self.child.stop()
