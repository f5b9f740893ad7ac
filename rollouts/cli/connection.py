"""The cluster as commands use it: the shell's client, with every refusal turned into a complaint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Connection
from rollouts.core.errors import HiccupError
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Kind, Manifest, Ref
from rollouts.shell import clock, kubeconfig
from rollouts.shell.client import ApiError, Client
from rollouts.shell.credentials import StaticToken
from rollouts.shell.settings import DEFAULTS

T = TypeVar("T")
FIELD_MANAGER = "kubectl-rollouts"
CONNECTIONS_MAX = 8
SHOW_REQUESTS_FROM = 6  # the verbosity at which kubectl, too, shows its requests


class RefusedError(ComplaintError):
    """The API server refused, or gave no answer (status 0)."""

    def __init__(self, status: int, what: str, *, fix: str = "", code: Exit = Exit.ERROR) -> None:
        super().__init__(what, fix=fix, code=code)
        self.status = status


@dataclass(frozen=True, slots=True)
class Query:
    """Which objects of a kind; namespace "" is every namespace."""

    kind: Kind
    namespace: str = ""
    labels: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a query answered, and the version from which a watch goes on."""

    items: tuple[Manifest, ...]
    version: str


class Cluster:
    """One API server and the namespace that commands mean when they name none."""

    def __init__(self, client: Client, namespace: str, verbosity: int = 0) -> None:
        self.client, self.namespace, self._verbosity = client, namespace, verbosity

    async def find(self, ref: Ref) -> Manifest | None:
        """The object as it is now, or None where there is none."""
        self._tell("GET", ref.path)
        try:
            return await self.client.get(ref)
        except ApiError as error:
            if error.status == 404:
                return None
            raise _complaint(error, f"get {ref}") from None

    async def list(self, query: Query) -> Listing:
        """All objects that a query names."""
        self._tell("GET", query.kind.path(query.namespace), query.labels or query.fields)
        try:
            items, version = await self.client.list(
                query.kind, query.namespace, labels=query.labels, fields=query.fields
            )
        except ApiError as error:
            raise _complaint(error, f"list {query.kind.plural}") from None
        return Listing(tuple(items), version)

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        subresource: str = "",
        form: Literal["merge", "json"] = "merge",
    ) -> Manifest:
        """Change some fields of an object."""
        self._tell("PATCH", f"{ref.path}/{subresource}" if subresource else ref.path, str(body))
        try:
            return await self.client.patch(ref, body, subresource=subresource, form=form)
        except ApiError as error:
            raise _complaint(error, f"patch {ref}") from None

    async def create(self, kind: Kind, namespace: str, body: Manifest) -> Manifest:
        """Store a new object; the stored one comes back."""
        self._tell("POST", kind.path(namespace), str((body.get("metadata") or {}).get("name") or ""))
        try:
            return await self.client.create(kind, namespace, body)
        except ApiError as error:
            name = (body.get("metadata") or {}).get("name") or (body.get("metadata") or {}).get("generateName")
            raise _complaint(error, f"create {kind.name.lower()} {name}") from None

    async def watch(self, query: Query, version: str) -> AsyncGenerator[tuple[str, Manifest], None]:
        """Changes after a version; ends quietly where the server or the network ends it."""
        self._tell("WATCH", query.kind.path(query.namespace), query.labels or query.fields)
        changes = self.client.watch(
            query.kind, query.namespace, version=version, labels=query.labels, fields=query.fields
        )
        try:
            async with aclosing(changes):
                async for change, manifest in changes:
                    yield change, manifest
        except ApiError as error:
            if error.status in (401, 403):
                raise _complaint(error, f"watch {query.kind.plural}") from None

    def _tell(self, verb: str, path: str, detail: str = "") -> None:
        if self._verbosity >= SHOW_REQUESTS_FROM:
            click.echo(f"{verb} {path} {detail}".rstrip(), err=True)


@asynccontextmanager
async def open_cluster(wish: Connection, *, dry_run: bool = False) -> AsyncIterator[Cluster]:
    """The cluster that kubeconfig and flags name; connections are closed at the end.

    dry_run: the server checks every write and stores none.
    """
    access = access_of(wish)
    settings = replace(
        DEFAULTS,
        field_manager=FIELD_MANAGER,
        user_agent=FIELD_MANAGER,
        request_timeout_s=wish.request_timeout_s or DEFAULTS.request_timeout_s,
        list_timeout_s=wish.request_timeout_s or DEFAULTS.list_timeout_s,
    )
    async with Client(access, settings, connections_max=CONNECTIONS_MAX, dry_run=dry_run) as client:
        yield Cluster(client, access.namespace, wish.verbosity)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a command's one coroutine to its end. Raises ComplaintError where there are no credentials to ask with."""
    try:
        return asyncio.run(coroutine)
    except HiccupError as error:
        raise ComplaintError(str(error), fix="log in again, or check the kubeconfig's user") from None


def now() -> Instant:
    """This moment, for ages."""
    return clock.now()


def access_of(wish: Connection) -> kubeconfig.Access:
    """The way to the cluster that kubeconfig and flags name. Raises ComplaintError where there is none."""
    try:
        choice = kubeconfig.Choice(wish.context or "", wish.cluster or "", wish.user or "")
        access = kubeconfig.load(wish.kubeconfig or "", choice)
    except HiccupError as error:
        if not wish.server or wish.kubeconfig or choice != kubeconfig.AS_WRITTEN:
            fix = "name one with --kubeconfig or KUBECONFIG, or make one here: rollouts cluster up, rollouts demo"
            raise ComplaintError(f"no cluster to talk to: {error}", fix=fix) from None
        access = kubeconfig.Access(server="")
    access.server = _address(wish.server or access.server)
    access.namespace = wish.namespace or access.namespace
    access.insecure = wish.insecure_skip_tls_verify or access.insecure
    if wish.token:
        access.credentials = StaticToken(wish.token)
    access.server_name = wish.tls_server_name or access.server_name
    access.ca = _pem(wish.ca_file) or access.ca
    access.certificate = _pem(wish.certificate_file) or access.certificate
    access.key = _pem(wish.key_file) or access.key
    if wish.impersonate:
        access.impersonate = {**access.impersonate, "Impersonate-User": wish.impersonate}
    if wish.impersonate_uid:
        access.impersonate = {**access.impersonate, "Impersonate-Uid": wish.impersonate_uid}
    access.groups = wish.groups or access.groups
    if (wish.groups or wish.impersonate_uid) and "Impersonate-User" not in access.impersonate:
        raise ComplaintError("--as-group and --as-uid go with --as", fix="name the user: --as USER", code=Exit.USAGE)
    return access


def _address(server: str) -> str:
    """The server's address; kubectl, too, takes `HOST:PORT` for http."""
    address = (server if "://" in server else f"http://{server}").rstrip("/")
    try:
        where = urlsplit(address)
        is_one = where.scheme in ("http", "https") and bool(where.hostname) and where.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        is_one = False
    if not is_one:
        raise ComplaintError(f"{server!r} is no address of an API server", fix="write it so: https://HOST:PORT")
    return address


def _pem(path: str | None) -> str:
    try:
        return Path(path).read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ComplaintError(f"{path}: {getattr(error, 'strerror', None) or 'is no text'}") from None


def _complaint(error: ApiError, deed: str) -> RefusedError:
    """What the server's refusal means to a person, with the mend where there is one."""
    if error.status == 0:
        fix = "is the cluster up, and the context the right one?  kubectl config current-context"
        return RefusedError(0, f"cannot {deed}: no answer from the API server ({error.message})", fix=fix)
    if error.status == 404 and deed.startswith("list "):
        fix = "install the CRDs: kubectl apply --server-side -k deploy"
        return RefusedError(404, f"cannot {deed}: the cluster does not know this kind", fix=fix)
    code = Exit.NOT_FOUND if error.status == 404 else Exit.ERROR
    fixes = {
        401: "log in again, or check --token and the kubeconfig's user",
        403: "ask for the rollouts-view, -edit or -admin ClusterRole, which view, edit and admin include",
        409: "somebody else wrote at the same moment; try again",
    }
    if error.status == 409 and deed.startswith("create "):
        fixes[409] = "give it another name, or change what there is: kubectl apply -f FILE"
    return RefusedError(error.status, f"cannot {deed}: {error.message}", fix=fixes.get(error.status, ""), code=code)
