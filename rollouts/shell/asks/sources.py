"""Answers the questions of the sync core: what a revision means, and what sources say at their revisions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, Rendered, RenderManifests, Resolution
from rollouts.gitops.project import permits_repository
from rollouts.gitops.render import choose, helm, kustomize, manifests, plain
from rollouts.gitops.render.files import Files, below, within
from rollouts.gitops.render.job import Dependency, Job
from rollouts.gitops.render.spec import (
    Spec,
    Surroundings,
    build_environment,
    names_revision,
    overridden,
    sources,
)
from rollouts.gitops.source import address, repositories, revision
from rollouts.gitops.source.errors import SourceError
from rollouts.gitops.source.repositories import Repository
from rollouts.kube.kinds import CONFIG_MAP, SECRET
from rollouts.kube.ref import Ref
from rollouts.shell import tools
from rollouts.shell.asks import render, signed
from rollouts.shell.asks.capabilities import Capabilities
from rollouts.shell.asks.charts import Charts
from rollouts.shell.asks.git import Git, Trust
from rollouts.shell.asks.modules import WithModules
from rollouts.shell.asks.unseal import AgeKeys
from rollouts.shell.client import ApiError, Client
from rollouts.shell.settings import DEFAULTS, Settings

P = ParamSpec("P")
T = TypeVar("T")
KEYS_SECRET = "sops-age"  # noqa: S105 # the name of a Secret
THREADS = 16
WARNINGS_MAX = 20
FRESH_S = 0.2


@dataclass(frozen=True, slots=True)
class Known:
    """What the cluster knows of repositories, as read at one moment. keys: public keys of who signs commits."""

    secrets: tuple[Mapping[str, Any], ...] = ()
    trust: Trust = field(default_factory=Trust)
    keys: tuple[str, ...] = ()


class GitAndCharts:
    """All sources of one process. directory: ours alone; it holds mirrors of git and scratch space, no manifests."""

    def __init__(
        self, client: Client | None, directory: Path, settings: Settings = DEFAULTS, count: Count | None = None
    ) -> None:
        self._client = client
        self._directory = directory
        self._settings = settings
        self._count = count or (lambda repository, what, took_s, ok: None)
        _sweep(directory)
        self._git = Git(directory / "mirrors", settings)
        self._charts = Charts(settings)
        self._capabilities = Capabilities(client, settings.capabilities_fresh_s)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sources")
        self._places = asyncio.Semaphore(settings.renders_inflight_max)
        self._shared: dict[str, tuple[float, asyncio.Future[Any]]] = {}
        self.kept = render.Kept(settings.render_cache_bytes_max)

    async def close(self) -> None:
        """End every process that is still under way."""
        await self._charts.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._git.close()

    async def ask(self, question: GitResolve | RenderManifests, namespace: str) -> Resolution | Rendered:
        """Answer with the repository Secrets of that namespace. Raises HiccupError with a text for the user."""
        try:
            if isinstance(question, GitResolve):
                return await self._resolve(question, namespace)
            return await self._render(question, namespace)
        except SourceError as error:
            raise HiccupError(str(error)) from None

    # Revisions.

    async def _resolve(self, question: GitResolve, namespace: str) -> Resolution:
        known = await self._read(namespace)
        repository = repositories.match(known.secrets, question.repo_url, question.project)
        if question.chart or address.is_oci(question.repo_url) or repository.oci:
            trust = known.trust.authorities
            return Resolution(await self._charts.version(repository, question.chart, question.target_revision, trust))
        address.checked(repository.url)
        if revision.is_sha(question.target_revision):
            return Resolution(question.target_revision)
        refs = await self._refs(repository, known, fresh=question.fresh)
        return revision.resolve(refs, question.target_revision, question.tag_prefix)

    async def _refs(self, repository: Repository, known: Known, *, fresh: bool = False) -> dict[str, str]:
        """The repository's refs; questions that come together share one listing. fresh: one that begins after now."""
        if fresh:  # a moment's rest lets the others that the same push wakes share it too
            await asyncio.sleep(FRESH_S)
        listing = partial(self._thread, self._git.refs, repository, known.trust)
        work = partial(self._counted, repository, "ls-remote", listing)
        return await self._together(repository.asker, work, FRESH_S if fresh else self._settings.git_listing_fresh_s)

    async def _together(self, key: str, work: Callable[[], Awaitable[T]], fresh_s: float = float("inf")) -> T:
        """The answer of work that began at most `fresh_s` ago under the same key, else of work that begins now."""
        now_s = time.monotonic()
        began_s, task = self._shared.get(key, (0.0, None))
        if task is None or now_s - began_s > fresh_s or (task.done() and fresh_s == float("inf")):
            task = asyncio.ensure_future(work())
            task.add_done_callback(_heard)  # whoever asked may have given up by then
            over_s = now_s - max(self._settings.git_listing_fresh_s, self._settings.repositories_fresh_s)
            self._shared = {name: each for name, each in self._shared.items() if not each[1].done() or each[0] > over_s}
            self._shared[key] = (now_s, task)
        answer: T = await asyncio.shield(task)
        return answer

    # Renders.

    async def _render(self, question: RenderManifests, namespace: str) -> Rendered:
        specs = sources(question.sources)
        around = Surroundings(
            question.app_name, question.namespace, question.project, question.kube_version, question.api_versions
        )
        known = await self._read(namespace)
        resolved, files = await self._fetched(specs, question, known, namespace)
        refs = {spec.ref: each for spec, each in zip(specs, files, strict=True) if spec.ref}
        loop = asyncio.get_running_loop()

        def keys() -> tuple[str, ...]:
            """Asked for in a render's thread, once something encrypted is met, and kept by nobody."""
            return asyncio.run_coroutine_threadsafe(self._age_keys(namespace, question.project), loop).result()

        def informed() -> Surroundings:
            """Asked for in a render's thread, once a chart is met."""
            return asyncio.run_coroutine_threadsafe(self._informed(around), loop).result()

        jobs: list[Job | None] = []
        bodies: list[bytes] = []
        origins: list[str] = []
        warnings: list[str] = []
        async with self._places:
            for spec, each, at in zip(specs, files, resolved, strict=True):
                if spec.is_only_ref:
                    jobs.append(None)
                    continue
                job = await self._thread(_job, each, spec, around, at, (refs, informed))
                job = await self._with_dependencies(job, question, known)
                jobs.append(job)
                body, where, told = await self._manifests(job, at if names_revision(spec) else "", keys, question.fresh)
                bodies.append(body)
                origins += where
                warnings += [*job.warnings, *told]
        trees = [job.tree if job else "" for job in jobs]
        return Rendered(
            _joined(bodies),
            tuple(resolved),
            tuple(job.source_type if job else "" for job in jobs),
            trees[0] if len(trees) == 1 else hashlib.sha256("\0".join(trees).encode()).hexdigest(),
            tuple(warnings[:WARNINGS_MAX]),
            tuple(origins),
        )

    async def _fetched(
        self, specs: tuple[Spec, ...], question: RenderManifests, known: Known, namespace: str
    ) -> tuple[list[str], list[Files]]:
        """The revision and the files of each source. Raises SourceError where one must be signed and is not."""
        if len(question.revisions) not in (0, len(specs)):
            raise SourceError("the question names other revisions than sources")
        resolved, files = [], []
        for spec, said in zip(specs, question.revisions or ("",) * len(specs), strict=True):
            at = said or await self._pinned(spec, question.project, namespace)
            resolved.append(at)
            files.append(await self._files(spec, at, question, known))
            if question.signed_by:
                await self._verify(spec, at, question, known)
        return resolved, files

    async def _informed(self, around: Surroundings) -> Surroundings:
        """The same, with what the cluster is able to do."""
        version, served = await self._capabilities.of(around.api_versions)
        return replace(around, kube_version=around.kube_version or version, api_versions=served)

    async def _pinned(self, spec: Spec, project: str, namespace: str) -> str:
        question = GitResolve(spec.repo_url, spec.target_revision, spec.chart, project, spec.tag_prefix)
        return (await self._resolve(question, namespace)).revision

    async def _files(self, spec: Spec, at: str, question: RenderManifests, known: Known) -> Files:
        repository = repositories.match(known.secrets, spec.repo_url, question.project)
        if spec.chart or address.is_oci(spec.repo_url) or repository.oci:
            passes = bool(spec.option("helm").get("passCredentials"))
            trust = known.trust.authorities
            return await self._charts.archive(repository, spec.chart, at, trust, passes_credentials=passes)
        fetch = partial(self._thread, self._git.snapshot, repository, known.trust, at)
        found = await self._together(f"{repository.asker}\0{at}", partial(self._counted, repository, "fetch", fetch))

        def module(url: str, commit: str) -> Files:
            return self._git.snapshot(_led_to(known, url, question), known.trust, commit)

        return WithModules(found, repository.url, module)

    async def _verify(self, spec: Spec, at: str, question: RenderManifests, known: Known) -> None:
        """Raise SourceError unless a commit is signed as the project wants it."""
        repository = repositories.match(known.secrets, spec.repo_url, question.project)
        if spec.chart or address.is_oci(spec.repo_url) or repository.oci:
            raise SourceError(
                f"chart {spec.chart or spec.repo_url}: the project wants signed commits, and charts have none"
            )
        raw = await self._thread(self._git.raw, repository, at)
        scratch = self._directory / "scratch"
        tag = await self._tag(spec, at, repository, known)
        await self._thread(partial(signed.verify, tag=tag), raw, at, question.signed_by, known.keys, scratch)

    async def _tag(self, spec: Spec, at: str, repository: Repository, known: Known) -> bytes:
        """The annotated tag by which a source names its commit, as git keeps it; empty where it is none."""
        if revision.is_sha(spec.target_revision):
            return b""
        refs = await self._refs(repository, known)
        oid = revision.tag_of(refs, spec.target_revision, at, spec.tag_prefix)
        return await self._thread(self._git.tag, repository, known.trust, oid) if oid else b""

    async def _with_dependencies(self, job: Job, question: RenderManifests, known: Known) -> Job:
        """The job with the charts that it wants fetched and laid below `charts/`."""
        read = dict(job.read)
        for each in job.dependencies:
            files = await self._dependency(each, question, known)
            for path, oid in below(files, ""):
                _, _, inner = path.partition("/")  # an archive holds one directory, called as the chart is
                read[f"{each.into}/{inner}"] = (files, oid)
        return replace(job, read=read) if job.dependencies else job

    async def _dependency(self, wanted: Dependency, question: RenderManifests, known: Known) -> Files:
        repository = _led_to(known, wanted.repository, question)
        trust = known.trust.authorities
        version = await self._charts.version(repository, wanted.name, wanted.version, trust)
        return await self._charts.archive(repository, wanted.name, version, trust)

    async def _manifests(
        self, job: Job, salt: str, keys: AgeKeys, fresh: bool
    ) -> tuple[bytes, tuple[str, ...], tuple[str, ...]]:
        """The manifests, from the cache where it knows them, where they stand, and what to tell people of them."""
        version = await self._thread(tools.version, job.argv[0]) if job.argv else ""
        key = job.key(f"{version} {salt}")
        if not fresh and (known := self.kept.get(key)) is not None:
            return *known, ()  # what is kept holds no Secret, of which alone there is something to say
        outcome = await self._thread(render.carry_out, job, self._directory / "scratch", self._settings, keys)
        body = await self._thread(manifests.packed, outcome.objects)
        if not outcome.is_secret:
            self.kept.put(key, body, outcome.origins)
        return body, outcome.origins, outcome.warnings

    # What the cluster knows.

    async def _read(self, namespace: str) -> Known:
        """The repository Secrets and trusted servers of a namespace, at most a few seconds old."""
        if self._client is None:
            return Known()
        work = partial(self._read_now, self._client, namespace)
        return await self._together(f"known\0{namespace}", work, self._settings.repositories_fresh_s)

    async def _read_now(self, client: Client, namespace: str) -> Known:
        labels = f"{repositories.TYPE_LABEL} in ({repositories.REPOSITORY},{repositories.TEMPLATE})"
        try:
            found, _ = await client.list(SECRET, namespace, labels=labels)
        except ApiError as error:
            raise HiccupError(f"repository Secrets of {namespace} not read: {error.reason or error.status}") from None
        hosts = (await self._data(Ref(CONFIG_MAP, namespace, "argocd-ssh-known-hosts-cm"))).get("ssh_known_hosts", "")
        authorities = await self._data(Ref(CONFIG_MAP, namespace, "argocd-tls-certs-cm"))
        keys = await self._data(Ref(CONFIG_MAP, namespace, "argocd-gpg-keys-cm"))
        return Known(tuple(found), Trust(str(hosts), authorities), tuple(keys.values()))

    async def _age_keys(self, namespace: str, project: str) -> tuple[str, ...]:
        """The age keys that a project's renders may use: everybody's (`keys.txt`) and its own (`<project>.txt`)."""
        if self._client is None:
            return ()
        kept = await self._data(Ref(SECRET, namespace, KEYS_SECRET))
        found = (kept.get("keys.txt", ""), kept.get(f"{project}.txt", ""))
        return tuple(base64.b64decode(key).decode("utf-8", "replace") for key in found if key)

    async def _data(self, ref: Ref) -> Mapping[str, str]:
        assert self._client is not None
        try:
            return (await self._client.get(ref)).get("data") or {}
        except ApiError as error:
            if error.status in (403, 404):
                return {}
            raise HiccupError(f"{ref} not read: {error.reason or error.status}") from None

    # Threads and counts.

    async def _thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))

    async def _counted(self, repository: Repository, what: str, work: Callable[[], Awaitable[T]]) -> T:
        began_s, ok = time.monotonic(), False
        try:
            answer = await work()
            ok = True
            return answer
        finally:
            self._count(address.shown(repository.url), what, time.monotonic() - began_s, ok)


Count = Callable[[str, str, float, bool], None]


def _sweep(directory: Path) -> None:
    """Throw away what a crash left behind: decrypted files and keys live as long as the process that needs them."""
    for pattern in ("scratch/.*", "mirrors/.git-*"):
        for left in directory.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)


def _placed(files: Files, spec: Spec, app_name: str) -> tuple[Spec, str]:
    """A source with what overrides it, and the folder that it means."""
    if spec.chart or address.is_oci(spec.repo_url):
        path = next(iter(files.entries(files.root.oid)))
        return replace(spec, chart=spec.chart or path), path
    path = within("", spec.path)
    return overridden(spec, files, path, app_name), path


def _job(
    files: Files, spec: Spec, around: Surroundings, at: str, more: tuple[helm.Refs, Callable[[], Surroundings]]
) -> Job:
    """What the render of one source needs. more: the files of refs, and who tells what the cluster is able to do."""
    refs, informed = more
    spec, path = _placed(files, spec, around.app_name)
    kind = choose.choose(files, path, spec)
    if kind == "Helm" or "KUBE_" in str(spec.options):
        around = informed()
    environment = build_environment(spec, around, at)
    if kind == "Helm":
        return helm.job(files, path, spec, around, (environment, refs))
    if kind == "Kustomize":
        return kustomize.job(files, path, spec, environment)
    return plain.job(files, path, spec, environment)


def _led_to(known: Known, url: str, question: RenderManifests) -> Repository:
    """An address that a source itself leads to: our credentials open it only where the project permits it.

    Else whoever may write into one repository could read every other that a template of credentials opens.
    """
    if permits_repository(question.permitted, url):
        return repositories.match(known.secrets, url, question.project)
    return Repository(url)


def _joined(bodies: list[bytes]) -> bytes:
    """Several JSON arrays as one; a single one is shared, not copied."""
    if len(bodies) == 1:
        return bodies[0]
    inner = [body[1:-1] for body in bodies if len(body) > 2]
    return b"[" + b",".join(inner) + b"]"


def _heard(task: asyncio.Future[Any]) -> None:
    """Take note of how a task ended, so that nothing complains of an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
