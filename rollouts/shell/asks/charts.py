"""Charts over HTTP: the index and archives of a Helm repository, tags and blobs of an OCI registry."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import orjson
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from rollouts.core.errors import HiccupError
from rollouts.gitops.source import chart as reading
from rollouts.gitops.source.address import NEAR, checked, is_link_local, is_near, shown
from rollouts.gitops.source.errors import SourceError
from rollouts.gitops.source.repositories import Credentials, Repository
from rollouts.gitops.source.revision import choose_version
from rollouts.kit import strictyaml
from rollouts.shell.asks.archive import Archive, unpack
from rollouts.shell.settings import Settings
from rollouts.shell.tls import show_pair

LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
REDIRECTS_MAX = 5
JSON_BYTES_MAX = 4 << 20
TAG_PAGES_MAX = 100
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LINK = re.compile(r'<([^>]+)>;\s*rel="?next"?')
_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}  # as every client has it

Trust = Mapping[str, str]
"""By host the certificates of its authority; hosts that are not there are held to the machine's own."""


class Charts:
    """Fetches charts; indexes and archives are kept a while, each under who may read it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._indexes: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._kept: OrderedDict[str, Archive] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def version(self, repository: Repository, chart: str, target: str, trust: Trust) -> str:
        """The version of a chart that `target` means now."""
        if repository.is_registry:
            tags = await self._tags(repository, chart, trust)
            return choose_version(reading.tag_versions(tags), target, chart or shown(repository.url))
        index = await self._index(repository, trust)
        return choose_version(reading.versions(index, reading.checked_name(chart)), target, chart)

    async def archive(
        self, repository: Repository, chart: str, version: str, trust: Trust, *, passes_credentials: bool = False
    ) -> Archive:
        """A chart's files: one directory, called as the chart is.

        passes_credentials: whether another host that the index names is shown our password too.
        """
        key = f"{repository.asker}\0{chart}\0{version}"
        async with self._locks.setdefault(key, asyncio.Lock()):
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
                return found
            if repository.is_registry:
                packed = await self._blob(repository, chart, version, trust)
            else:
                packed = await self._download(repository, chart, version, trust, passes_credentials)
            what = f"chart {chart or shown(repository.url)} {version}"
            found = await asyncio.to_thread(unpack, packed, self._settings.chart_unpacked_bytes_max, what)
            self._kept[key] = found
            while sum(each.size for each in self._kept.values()) > self._settings.charts_kept_bytes_max:
                self._kept.popitem(last=False)
        self._locks.pop(key, None)
        return found

    # A Helm repository.

    async def _index(self, repository: Repository, trust: Trust) -> Mapping[str, Any]:
        key = repository.asker
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._indexes.get(key)
            if known and time.monotonic() - known[0] < self._settings.chart_index_fresh_s:
                return known[1]
            url = checked(repository.url, is_chart=True).rstrip("/") + "/index.yaml"
            fetch = _Fetch(repository, trust, self._settings.chart_index_bytes_max)
            body, _ = await self._get(url, fetch)
            index = await asyncio.to_thread(_read_index, body, shown(url))
            now_s = time.monotonic()
            fresh = (each for each in self._indexes.items() if now_s - each[1][0] < self._settings.chart_index_fresh_s)
            self._indexes = {**dict(fresh), key: (now_s, index)}
            return index

    async def _download(
        self, repository: Repository, chart: str, version: str, trust: Trust, passes_credentials: bool
    ) -> bytes:
        index = await self._index(repository, trust)
        found = reading.archive(index, repository.url, reading.checked_name(chart), version)
        # Elsewhere than beside the index nobody has asked for our password.
        is_ours = found.same_host or passes_credentials
        source = repository if is_ours else replace(repository, credentials=Credentials())
        body, _ = await self._get(found.url, _Fetch(source, trust, self._settings.chart_bytes_max))
        if found.digest and hashlib.sha256(body).hexdigest() != found.digest:
            raise SourceError(f"chart {chart} {version}: the archive is not the one of the index (digest)")
        return body

    # An OCI registry.

    async def _tags(self, repository: Repository, chart: str, trust: Trust) -> list[str]:
        base, name = _oci(repository, chart)
        fetch = _Fetch(repository, trust, JSON_BYTES_MAX, scope=f"repository:{name}:pull")
        url, tags = f"{base}/v2/{name}/tags/list?n=1000", []
        for _ in range(TAG_PAGES_MAX):
            body, headers = await self._get(url, fetch)
            tags += [str(tag) for tag in _json(body, url).get("tags") or ()]
            following = _LINK.search(headers.get("Link", ""))
            if not following:
                return tags
            url = urljoin(url, following.group(1))
            if urlsplit(url).netloc != urlsplit(base).netloc:
                break
        raise HiccupError(f"{shown(repository.url)}: its list of tags does not end")

    async def _blob(self, repository: Repository, chart: str, version: str, trust: Trust) -> bytes:
        base, name = _oci(repository, chart)
        fetch = _Fetch(repository, trust, JSON_BYTES_MAX, scope=f"repository:{name}:pull", accept=MANIFEST)
        tag = version.replace("+", "_")
        manifest = _json((await self._get(f"{base}/v2/{name}/manifests/{tag}", fetch))[0], repository.url)
        layers = [each for each in manifest.get("layers") or () if isinstance(each, dict)]
        wanted = [each for each in layers if each.get("mediaType") == LAYER]
        digest = str(wanted[0].get("digest")) if wanted else ""
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise SourceError(f"{shown(repository.url)} {version} holds no Helm chart")
        fetch = _Fetch(repository, trust, self._settings.chart_bytes_max, scope=fetch.scope)
        body, _ = await self._get(f"{base}/v2/{name}/blobs/{digest}", fetch)
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise SourceError(f"{shown(repository.url)} {version}: the blob is not what its digest says")
        return body

    # HTTP.

    async def _get(self, url: str, fetch: _Fetch) -> tuple[bytes, Mapping[str, str]]:
        """A body within its bound, redirects followed by hand so that credentials stay with their host."""
        home = url
        for _ in range(REDIRECTS_MAX):
            if is_link_local(url):
                raise SourceError(f"{shown(url)}: {NEAR}")
            at_home = reading.is_at_home(home, url)
            status, headers, body = await self._once(url, fetch, at_home=at_home)
            if status == 401 and at_home and fetch.scope and not fetch.has_token:
                fetch.has_token = True
                fetch.header = await self._token(url, headers.get("WWW-Authenticate", ""), fetch)
                continue
            if status in (301, 302, 303, 307, 308):
                url = urljoin(url, headers.get("Location", ""))
                if urlsplit(url).scheme not in ("https", "http"):
                    raise HiccupError(f"{shown(url)}: a redirect to no https address")
                continue
            if status == 404:
                raise SourceError(f"{shown(url)}: not found")
            if status != 200:
                raise HiccupError(f"{shown(url)}: answered {status}")
            return body, headers
        raise HiccupError(f"{shown(url)}: too many redirects, or credentials that are not accepted")

    async def _once(self, url: str, fetch: _Fetch, *, at_home: bool) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ttl_dns_cache=30, resolver=_Guarded()),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self._settings.user_agent},
            )
        headers = {"Accept": fetch.accept} | ({"Authorization": fetch.header} if at_home and fetch.header else {})
        try:
            async with (
                asyncio.timeout(self._settings.git_timeout_s),
                self._session.get(
                    url,
                    headers=headers,
                    allow_redirects=False,
                    ssl=fetch.tls(url, at_home=at_home),
                    proxy=fetch.proxy(url),
                ) as response,
            ):
                body = bytearray()
                while chunk := await response.content.readany():
                    body += chunk
                    if len(body) > fetch.bytes_max:
                        raise HiccupError(f"{shown(url)}: larger than {fetch.bytes_max} bytes")
                return response.status, dict(response.headers), bytes(body)
        except TimeoutError:
            raise HiccupError(f"{shown(url)}: no answer in {self._settings.git_timeout_s:g} s") from None
        except SourceError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:  # their words may show the address
            raise HiccupError(f"{shown(url)}: {type(error).__name__}") from None

    async def _token(self, url: str, challenge: str, fetch: _Fetch) -> str:
        """A registry's bearer token, asked for where its challenge says; our password goes to its own host alone."""
        said = dict(_CHALLENGE.findall(challenge))
        realm = said.get("realm", "")
        if (
            is_link_local(realm)
            or not challenge.startswith("Bearer ")
            or urlsplit(realm).scheme not in ("https", "http")
        ):
            raise HiccupError(f"{shown(url)}: the credentials are not accepted")
        query = {"service": said.get("service", ""), "scope": said.get("scope") or fetch.scope}
        ours = urlsplit(realm).scheme == urlsplit(url).scheme and is_one_domain(
            urlsplit(url).hostname, urlsplit(realm).hostname
        )
        where = f"{realm}?{urlencode({key: value for key, value in query.items() if value})}"
        status, _, body = await self._once(where, fetch, at_home=ours)
        token = _json(body, realm) if status == 200 else {}
        found = token.get("token") or token.get("access_token")
        if not isinstance(found, str) or "\n" in found:
            raise HiccupError(f"{shown(url)}: the credentials are not accepted")
        return f"Bearer {found}"


class _Guarded(ThreadedResolver):
    """Resolves names, but to no address of the machine's own link; aiohttp connects to what comes out."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises SourceError."""
        found = await super().resolve(host, port, family)
        if any(is_near(each["host"]) for each in found):
            raise SourceError(f"{host}: {NEAR}")
        return found


class _Fetch:
    """How one address is fetched: credentials, trust and bounds."""

    def __init__(
        self, repository: Repository, trust: Trust, bytes_max: int, *, scope: str = "", accept: str = "*/*"
    ) -> None:
        self.bytes_max = bytes_max
        self.scope = scope
        self.accept = accept
        self.header = _header(repository.credentials)
        self.has_token = False
        self._repository = repository
        self._trust = trust

    def proxy(self, url: str) -> str | None:
        """The proxy on the way to an address."""
        host = urlsplit(url).hostname or ""
        around = [each.strip().lstrip(".") for each in self._repository.no_proxy.split(",") if each.strip()]
        is_around = any(each == "*" or host == each or host.endswith(f".{each}") for each in around)
        return None if is_around else self._repository.proxy or None

    def tls(self, url: str, *, at_home: bool) -> ssl.SSLContext | bool:
        """Whom to believe at an address, and the certificate that we show to our own host."""
        authority = self._trust.get(urlsplit(url).hostname or "", "")
        credentials, insecure = self._repository.credentials, self._repository.insecure
        shows = at_home and bool(credentials.tls_cert and credentials.tls_key)
        if not shows and (insecure or not authority):
            return not insecure
        context = ssl.create_default_context(cadata=authority or None)
        if insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if shows:
            show_pair(context, f"{credentials.tls_cert}\n{credentials.tls_key}\n")
        return context


def _header(credentials: Credentials) -> str:
    if credentials.bearer:
        return f"Bearer {credentials.bearer}"
    if not (credentials.username or credentials.password):
        return ""
    return "Basic " + base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()


def is_one_domain(host: str | None, other: str | None) -> bool:
    """Whether a registry may send our password to another host: itself, or one of the same domain."""
    if not host or not other or host == other:
        return bool(host) and host == other
    domain = ".".join(host.split(".")[-2:])
    return not host.replace(".", "").isdigit() and ":" not in host and (other == domain or other.endswith(f".{domain}"))


def _oci(repository: Repository, chart: str) -> tuple[str, str]:
    """The registry's address, and the repository's name in it. Plain HTTP for this machine's own addresses alone."""
    url = checked(repository.url if "://" in repository.url else f"oci://{repository.url}", is_chart=True)
    host, _, name = url.removeprefix("oci://").rstrip("/").partition("/")
    host = host.rpartition("@")[2]
    name = "/".join(part for part in (name, chart) if part)
    if not re.fullmatch(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*", name):
        raise SourceError(f"{shown(url)}: {name[:100]!r} is no name of a repository in a registry")
    host = _HOSTS.get(host, host)
    local = host.partition(":")[0] in ("localhost", "127.0.0.1")
    return f"{'http' if local else 'https'}://{host}", name


def _json(body: bytes, where: str) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise HiccupError(f"{shown(where)}: its answer is no JSON object")
    return said


def _read_index(body: bytes, where: str) -> Mapping[str, Any]:
    if body.lstrip()[:1] == b"{":
        return _json(body, where)
    try:
        documents = strictyaml.read(body, where)
    except strictyaml.YamlError as error:
        raise SourceError(str(error)) from None
    return documents[0].value if documents else {}
