"""Carries out one render job: a scratch directory, files without links, one sandboxed command, manifests."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

from rollouts.core.errors import HiccupError
from rollouts.gitops.render import helm, manifests
from rollouts.gitops.render.files import READ_BYTES_MAX
from rollouts.gitops.render.job import Job
from rollouts.gitops.source.errors import SourceError
from rollouts.shell import tools
from rollouts.shell.asks import sandbox
from rollouts.shell.asks.unseal import AgeKeys, Unsealer, is_sealed
from rollouts.shell.settings import Settings

RUNNER = Path(__file__).with_name("jsonnet_runner.py")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job rendered. is_secret: it holds decrypted text or a Secret's values, and may enter no cache.

    placed: each object with where it stands, "" where nobody can say.  is_unsealed: some of its files were decrypted.
    warnings: what a person should know of it, never with a value.
    """

    placed: tuple[tuple[str, Mapping[str, Any]], ...]
    is_secret: bool
    is_unsealed: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def objects(self) -> tuple[Mapping[str, Any], ...]:
        """The objects alone."""
        return tuple(value for _, value in self.placed)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where they stand."""
        return tuple(origin for origin, _ in self.placed)


class Kept:
    """The renders of the last while as JSON by their job's key, in memory alone; bounded in bytes."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = Lock()
        self._bodies: OrderedDict[str, tuple[bytes, tuple[str, ...]]] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def get(self, key: str) -> tuple[bytes, tuple[str, ...]] | None:
        """The manifests of an equal job, and where they stand."""
        with self._lock:
            found = self._bodies.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._bodies.move_to_end(key)
            return found

    def put(self, key: str, body: bytes, origins: tuple[str, ...] = ()) -> None:
        """Keep the manifests of a job."""
        with self._lock:
            before, _ = self._bodies.pop(key, (b"", ()))
            self._bodies[key] = body, origins
            self.size += len(body) - len(before)
            while self.size > self._bytes_max and self._bodies:
                self.size -= len(self._bodies.popitem(last=False)[1][0])


def limits(settings: Settings) -> sandbox.Limits:
    """What one command of a render may use."""
    return sandbox.Limits(
        wall_s=settings.render_timeout_s,
        output_bytes=settings.render_output_bytes_max,
        cpu_s=settings.render_cpu_s_max,
        memory_bytes=settings.render_memory_bytes_max,
        file_bytes=settings.render_file_bytes_max,
        processes=settings.render_processes_max,
        open_files=settings.render_files_max,
    )


def carry_out(job: Job, directory: Path, settings: Settings, age_keys: AgeKeys) -> Outcome:
    """Render. Waits for the command: call it in a thread. Raises SourceError (user's) or HiccupError (world's)."""
    outcome = _carry_out(job, directory, settings, age_keys)
    plain = [each["metadata"].get("name") for each in outcome.objects if manifests.holds_secrets((each,))]
    if not plain or outcome.is_unsealed or job.source_type == "Helm":  # a chart may well make its Secrets up
        return outcome
    said = f"Secret {plain[0]} stands in git as plain text: encrypt it with SOPS, or let an operator bring it"
    return replace(outcome, warnings=(said,))


def _carry_out(job: Job, directory: Path, settings: Settings, age_keys: AgeKeys) -> Outcome:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    unsealer = Unsealer(age_keys, limits(settings))
    with tempfile.TemporaryDirectory(dir=directory, prefix=".render-") as name:
        scratch = Path(name)
        (scratch / "home").mkdir()
        if not job.argv:
            return _plain(job, job.manifests, unsealer, scratch)
        unsealed = _laid_out(job, scratch / "files", unsealer)
        done = _run(job, scratch, settings)
        if job.source_type == "Directory":
            found = _jsonnet(done.output)
            rest = _plain(job, job.manifests, unsealer, scratch)
            placed, unsealed = (*rest.placed, *found), unsealed or rest.is_unsealed
        else:
            placed = tuple(manifests.parsed(done.output, job.argv[0]))
    return Outcome(placed, unsealed or manifests.holds_secrets(each for _, each in placed), unsealed)


def _plain(job: Job, paths: tuple[str, ...], unsealer: Unsealer, scratch: Path) -> Outcome:
    """Files that are manifests as they stand: no command, no copy."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    size, unsealed = 0, False
    for path in paths:
        files, oid = job.read[path]
        body = files.read(oid)
        size += len(body)
        if size > manifests.DIRECTORY_BYTES_MAX:
            raise SourceError(f"the directory's manifests are larger than {manifests.DIRECTORY_BYTES_MAX >> 20} MiB")
        if is_sealed(body):
            body, unsealed = unsealer.open(body, path, scratch / "home"), True
        found += manifests.parsed(body, path)
    return Outcome(tuple(found), unsealed or manifests.holds_secrets(each for _, each in found), unsealed)


def _laid_out(job: Job, top: Path, unsealer: Unsealer) -> bool:
    """Write the job's files; whether one of them was decrypted on the way."""
    unsealed, size = False, 0
    top.mkdir()
    for path, (files, oid) in job.read.items():
        body = job.written[path] if path in job.written else files.read(oid)
        size += len(body)
        if size > READ_BYTES_MAX:
            raise SourceError(f"the render reads more than {READ_BYTES_MAX >> 20} MiB")
        if is_sealed(body):
            body, unsealed = unsealer.open(body, path, top.parent / "home"), True
        _write(top, path, body)
    for path, body in job.written.items():
        if path not in job.read:
            _write(top, path, body)
    (top / job.cwd).mkdir(parents=True, exist_ok=True)
    return unsealed


def _write(top: Path, path: str, body: bytes) -> None:
    target = top / path
    assert ".." not in target.parts and target.is_relative_to(top), "a path was not made plain"
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(body)


def _run(job: Job, scratch: Path, settings: Settings) -> sandbox.Done:
    tool, *arguments = job.argv
    program = [tools.path(tool)]
    if tool == "jsonnet":
        program += ["-I", str(RUNNER)]
    home = scratch / "home"
    environment = {
        "PATH": "/nonexistent",  # nothing that a render runs may find another program
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "GOMAXPROCS": "2",
        "HELM_PLUGINS": "/nonexistent",
        "HELM_CONFIG_HOME": str(home),
        "HELM_CACHE_HOME": str(home),
        "HELM_DATA_HOME": str(home),
    }
    done = sandbox.run(
        [*program, *arguments], cwd=scratch / "files" / job.cwd, environment=environment, limits=limits(settings)
    )
    if done.code:
        if done.code < 0:
            raise HiccupError(f"{tool}: it was ended by signal {-done.code}: too much memory or time?")
        raise SourceError(_said(tool, done.errors.replace(str(scratch / "files"), "").replace(str(scratch), "")))
    return done


def _said(tool: str, errors: str) -> str:
    """The tool's own words on one line, with what to do about it."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith("error")] or lines or ["it ended without a word"]
    text = " ".join(telling[0].removeprefix("Error: ").split())[:1000]
    more = helm.hint(errors) if tool == "helm" else ""
    return f"{tool}: {text}{f' ({more})' if more else ''}"


def _jsonnet(output: bytes) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for script, value in json.loads(output):
        if not isinstance(value, dict):
            raise SourceError(f"{script}: it must give an object or a list of objects")
        items = value.get("items") if value.get("kind") == "List" else None
        for each in items if isinstance(items, list) else [value]:
            if not isinstance(each, dict):
                raise SourceError(f"{script}: an item of its List is no object")
            found.append((script, manifests.checked(each, script)))
    return found
