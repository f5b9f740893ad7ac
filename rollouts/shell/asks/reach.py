"""Where a question may go: not to this machine, not to the cloud's own metadata, not to the API server.

Whoever may write an AnalysisTemplate names the address that the controller then calls with its own network rights. So
every name is resolved once, every address it resolves to is looked at, and the connection goes to just that address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from rollouts.core.errors import HiccupError
from rollouts.gitops.source.address import METADATA

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

API_SERVER = "the API server is not asked for metrics (allow it with --allow-provider-network)"
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach:
    """The policy. allowed: networks that may be asked whatever they are.  trusted: an address that the administrator
    named, or several.  server: the API server's.

    Where the API server itself is on the loopback, this process runs on somebody's own machine, and so does all else:
    then the loopback is allowed, the API server with it.
    """

    def __init__(self, server: str = "", allowed: Sequence[str] = (), trusted: str | Sequence[str] = "") -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(each, strict=False) for each in allowed)
        self._server = _place(server)
        named = (trusted,) if isinstance(trusted, str) else trusted
        self._trusted = {place for each in named if (place := _place(each)) is not None}
        host = self._server[0] if self._server else ""
        self._is_local = host == "localhost" or _is_loopback(_address(host))

    def check(self, url: str) -> None:
        """Look at an address before anything is resolved. Raises HiccupError for one that may not be asked."""
        place = _place(url)
        if place is None:
            raise HiccupError("the address is no URL with http:// or https://")
        if place in self._trusted:
            return
        literal = _address(place[0])
        if literal is not None:
            self.judge(literal, place[1])
        elif place == self._server and not self._is_local:
            raise HiccupError(API_SERVER)

    def is_trusted(self, host: str, port: int) -> bool:
        """Whether the administrator named this place."""
        return (host.rstrip(".").lower(), port) in self._trusted

    def judge(self, address: Address, port: int) -> None:
        """Raises HiccupError for an address that may not be asked: written so, or what a name stands for."""
        plain = _plain(address)
        if self._is_allowed(plain):
            return
        if (str(plain), port) == self._server and not self._is_local:
            raise HiccupError(API_SERVER)
        if plain.is_loopback:
            if self._is_local:
                return
            raise HiccupError(f"{plain} is the controller's own machine (allow it with --allow-provider-network)")
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain.is_reserved:
            raise HiccupError(f"{plain} is no address of a server (allow it with --allow-provider-network)")
        if plain in METADATA:
            raise HiccupError(f"{plain} is the cloud's metadata service (allow it with --allow-provider-network)")

    def _is_allowed(self, address: Address) -> bool:
        plain = _plain(address)
        return any(plain in network for network in self._allowed if network.version == plain.version)


class Guarded(AbstractResolver):
    """Resolves names and keeps only what the policy allows; aiohttp connects to these addresses and to no others."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner: ThreadedResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a name. Raises OSError where one of them is not: a name that points both ways is
        no honest one."""
        if self._inner is None:
            self._inner = ThreadedResolver(loop=asyncio.get_running_loop())
        found = await self._inner.resolve(host, port, family)
        if self._reach.is_trusted(host, port):
            return found
        for each in found:
            self._reach.judge(ipaddress.ip_address(each["host"].partition("%")[0]), port)
        return found

    async def close(self) -> None:
        """Nothing is held."""


def _place(url: str) -> tuple[str, int] | None:
    """Host as it will be connected to, and port."""
    try:
        parsed = URL(url)
    except ValueError:
        return None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.port is None:
        return None
    if urlsplit(url).hostname is None:
        return None
    return parsed.host.rstrip(".").lower(), parsed.port


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_loopback(address: Address | None) -> bool:
    return address is not None and _plain(address).is_loopback
