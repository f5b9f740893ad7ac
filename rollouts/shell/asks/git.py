"""git by its own program: what a repository lists, and one bare mirror for each address, one commit deep."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shutil
import socket
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rollouts.core.errors import HiccupError
from rollouts.gitops.source import address
from rollouts.gitops.source.errors import SourceError
from rollouts.gitops.source.repositories import Repository
from rollouts.gitops.source.revision import is_sha
from rollouts.shell.asks import sandbox
from rollouts.shell.asks.objects import Objects, Snapshot
from rollouts.shell.settings import Settings

PINNED = "refs/rollouts/"
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Trust:
    """Which servers to believe: known_hosts lines for ssh, and by host the certificates of its authority."""

    known_hosts: str = ""
    authorities: Mapping[str, str] = field(default_factory=dict)


class Git:
    """All mirrors below one directory, which is ours alone. Every method waits: call it in a thread."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._lock = threading.Lock()
        self._mirrors: dict[str, threading.Lock] = {}
        self._began_s = time.monotonic()
        self._asked_s: dict[str, float] = {}  # when each mirror was last asked for
        self._readers: OrderedDict[Path, Objects] = OrderedDict()

    def close(self) -> None:
        """End every reading process."""
        with self._lock:
            readers, self._readers = self._readers, OrderedDict()
        for reader in readers.values():
            reader.close()

    def refs(self, repository: Repository, trust: Trust) -> dict[str, str]:
        """Every ref of the repository with its SHA, `HEAD` among them. Raises HiccupError, SourceError."""
        done = self._run(repository, trust, ["ls-remote", "--", repository.url], self._settings.git_refs_bytes_max)
        listed = {}
        for line in done.decode("utf-8", "replace").splitlines():
            sha, tab, name = line.partition("\t")
            if tab and is_sha(sha):
                listed[name] = sha
        return listed

    def snapshot(self, repository: Repository, trust: Trust, commit: str) -> Snapshot:
        """The files of a commit, fetched if the mirror has not got it."""
        if not is_sha(commit):
            raise SourceError(f"revision {commit[:64]!r} is no full commit id")
        directory = self._directory / _name(repository)
        with self._mirror_lock(directory.name):
            reader = self._reader(directory)
            tree = reader.tree_of(commit) if _is_mirror(directory) else None
            if tree is None:
                self._fetch(repository, trust, directory, commit)
                tree = reader.tree_of(commit)
        if tree is None:
            raise SourceError(f"{address.shown(repository.url)}: there is no commit {commit}")
        return Snapshot(reader, tree)

    def raw(self, repository: Repository, commit: str) -> bytes:
        """A commit that was fetched, as git keeps it: with its signature."""
        directory = self._directory / _name(repository)
        with self._mirror_lock(directory.name):
            found = self._reader(directory).commit(commit)
        if found is None:
            raise HiccupError(f"{address.shown(repository.url)}: commit {commit} is gone from the mirror")
        return found

    def tag(self, repository: Repository, trust: Trust, oid: str) -> bytes:
        """An annotated tag as git keeps it, fetched if the mirror has not got it."""
        directory = self._directory / _name(repository)
        with self._mirror_lock(directory.name):
            reader = self._reader(directory)
            found = reader.tag(oid) if _is_mirror(directory) else None
            if found is None:
                self._fetch(repository, trust, directory, oid)
                found = reader.tag(oid)
        if found is None:
            raise SourceError(f"{address.shown(repository.url)}: there is no tag {oid}")
        return found

    def _mirror_lock(self, name: str) -> threading.Lock:
        with self._lock:
            self._asked_s[name] = time.monotonic()
            return self._mirrors.setdefault(name, threading.Lock())

    def _reader(self, directory: Path) -> Objects:
        with self._lock:
            reader = self._readers.get(directory)
            if reader is None:
                reader = self._readers[directory] = Objects(directory, _environment())
            self._readers.move_to_end(directory)
            # A reader that is put away here starts its process again if a render still holds it.
            old = [] if len(self._readers) <= self._settings.git_readers_max else [self._readers.popitem(last=False)[1]]
        for each in old:
            each.close()
        return reader

    def _fetch(self, repository: Repository, trust: Trust, directory: Path, commit: str) -> None:
        if not _is_mirror(directory):
            shutil.rmtree(directory, ignore_errors=True)
            self._let_go()
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._local(directory, ["init", "--bare", "--quiet", f"--object-format={_format(commit)}", "."])
        # We are alone here, so a lock or half a pack is of a git that was ended by its limits or by a crash.
        for pattern in ("*.lock", "refs/**/*.lock", "objects/*/tmp_*", "objects/pack/.tmp-*"):
            for left in directory.glob(pattern):
                left.unlink(missing_ok=True)
        self._thin_out(directory)
        base = [f"--git-dir={directory}", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
        base += ["--no-recurse-submodules", "--force"]
        try:
            self._run(
                repository, trust, [*base, "--depth=1", "--", repository.url, f"{commit}:{PINNED}{commit}"], 65536
            )
        except HiccupError as error:
            if not any(word in str(error) for word in ("not our ref", "unadvertised", "not allowed", "dumb http")):
                raise
            # A server that hands out only what it advertises: take its branches and tags whole.
            every = [f"+refs/{kind}/*:{PINNED}{kind}/*" for kind in ("heads", "tags")]
            deeper = ["--unshallow"] if (directory / "shallow").exists() else []
            self._run(repository, trust, [*base, *deeper, "--", repository.url, *every], 65536)

    def _let_go(self) -> None:
        """Throw away mirrors that nobody asks for: each renewed token leaves one behind, and each address given up."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        since_s = time.monotonic() - self._settings.git_mirror_idle_s
        with self._lock:
            mirrors = [each for each in self._directory.iterdir() if not each.name.startswith(".")]
            idle = [each for each in mirrors if self._asked_s.get(each.name, self._began_s) <= since_s]
            readers = [self._readers.pop(each, None) for each in idle]
            for each in idle:
                self._asked_s.pop(each.name, None)
                self._mirrors.pop(each.name, None)
            gone = [each.rename(each.with_name(f".git-{each.name}-{time.monotonic_ns()}")) for each in idle]
        for reader in filter(None, readers):
            reader.close()
        for each in gone:
            shutil.rmtree(each, ignore_errors=True)

    def _thin_out(self, directory: Path) -> None:
        """Let go of the oldest commits of a mirror, so that it does not grow for ever."""
        pinned = directory / PINNED
        kept = self._settings.git_commits_kept_max
        held = sorted(pinned.glob("*"), key=lambda each: each.stat().st_mtime) if pinned.is_dir() else []
        if len(held) <= 2 * kept:
            return
        for each in held[:-kept]:
            if each.is_file():
                each.unlink()
        self._local(directory, ["gc", "--prune=now", "--quiet"])

    def _local(self, directory: Path, words: list[str]) -> None:
        limits = sandbox.Limits(self._settings.git_timeout_s, 65536)
        done = sandbox.run(["git", *words], cwd=directory, environment=_environment(), limits=limits, network=True)
        if done.code:
            raise HiccupError(f"git {words[0]}: {_last_line(done.errors)}")

    def _run(self, repository: Repository, trust: Trust, words: list[str], output_bytes: int) -> bytes:
        """git at work with a server: credentials are in files and variables of this one process, never in arguments."""
        address.checked(repository.url)
        self._refuse_own(repository.url)
        _refuse_near(repository)
        limits = sandbox.Limits(
            self._settings.git_timeout_s, output_bytes, file_bytes=self._settings.git_fetch_bytes_max
        )
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self._directory, prefix=".git-") as private:
            environment = {**_environment(), **dict(_access(repository, trust, Path(private)))}
            done = sandbox.run(["git", *words], cwd=Path(private), environment=environment, limits=limits, network=True)
        if done.code:
            raise HiccupError(f"{address.shown(repository.url)}: {self._words(repository, done.errors)}")
        return done.output

    def _refuse_own(self, url: str) -> None:
        """A file:// address must not reach the mirrors: they hold what other projects may see."""
        if address.scheme_of(url) != "file":
            return
        where = Path(os.path.realpath(unquote(urlsplit(url).path)))
        if where.is_relative_to(os.path.realpath(self._directory)):
            raise SourceError(f"repoURL {address.shown(url)} is not a repository that may be fetched")

    def _words(self, repository: Repository, errors: str) -> str:
        """git's own words without credentials and without this machine's paths."""
        text = _last_line(errors).replace(repository.url, address.shown(repository.url))
        for word in repository.credentials.secrets:
            text = text.replace(word, "*****")
        return text.replace(str(self._directory), "…")


def _is_mirror(directory: Path) -> bool:
    """Whether there is a mirror, and its making was not cut short, as by a full disk."""
    try:
        return all((directory / name).stat().st_size > 0 for name in ("HEAD", "config"))
    except OSError:
        return False


def _refuse_near(repository: Repository) -> None:
    """A name must not stand for the machine's own link either, where clouds hand out credentials to whoever asks."""
    host = address.host_of(repository.url)
    if not host or repository.proxy:
        return
    try:
        found = socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):
        return  # git says so in its own words
    if any(address.is_near(str(each[4][0])) for each in found):
        raise SourceError(f"{address.shown(repository.url)}: {address.NEAR}")


def _name(repository: Repository) -> str:
    """A mirror's directory. Credentials are part of it: who may not read a repository must not meet its mirror."""
    credentials = repository.credentials
    parts = (address.normal(repository.url), credentials.username, *credentials.secrets)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _format(commit: str) -> str:
    return "sha256" if len(commit) == 64 else "sha1"


def _last_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:"))] or lines
    return " ".join(telling[-1].split())[:500] if telling else "git ended without a word"


def _environment() -> dict[str, str]:
    words = {
        "PATH": PATH,
        "HOME": "/nonexistent",
        "LANG": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
    }
    return {**words, **_config(_SAFE)}


_SAFE = (
    ("core.hooksPath", "/dev/null"),
    ("core.symlinks", "false"),
    ("http.followRedirects", "initial"),
    ("gc.auto", "0"),
    ("gc.packRefs", "false"),  # a commit is let go of by taking the file of its ref away
    ("safe.directory", "*"),
    ("fetch.fsckObjects", "false"),  # old repositories fail it; names are checked where they are read
    ("transfer.advertiseSID", "false"),
)


def _config(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    words = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        words[f"GIT_CONFIG_KEY_{number}"] = key
        words[f"GIT_CONFIG_VALUE_{number}"] = value
    return words


def _access(repository: Repository, trust: Trust, private: Path) -> Iterator[tuple[str, str]]:
    """The variables that let git in: a header for this server alone, key files that live as long as the process."""
    credentials = repository.credentials
    pairs = list(_SAFE)
    if address.scheme_of(repository.url) in ("http", "https"):
        parts = urlsplit(repository.url)
        scope = f"http.{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
        if header := _header(repository):
            pairs.append((f"{scope}.extraHeader", f"Authorization: {header}"))
        if repository.insecure:
            pairs.append((f"{scope}.sslVerify", "false"))
        for name, text in (
            ("sslCAInfo", trust.authorities.get(parts.hostname or "", "")),
            ("sslCert", credentials.tls_cert),
            ("sslKey", credentials.tls_key),
        ):
            if text:
                pairs.append((f"{scope}.{name}", str(_written(private / name, text))))
        if repository.proxy:
            pairs.append(("http.proxy", repository.proxy))
            yield "NO_PROXY", repository.no_proxy
    elif address.scheme_of(repository.url) in ("ssh", "git+ssh"):
        yield "GIT_SSH_COMMAND", " ".join(_ssh(repository, trust, private))
        yield "GIT_SSH_VARIANT", "ssh"
    yield from _config(tuple(pairs)).items()


def _header(repository: Repository) -> str:
    credentials = repository.credentials
    if credentials.bearer:
        return f"Bearer {credentials.bearer}"
    user, password = credentials.username, credentials.password
    if not (user or password):
        parts = urlsplit(repository.url)  # of an address with a user in it, which is believed as Argo does
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user or password):
        return ""
    return "Basic " + base64.b64encode(f"{user or 'git'}:{password}".encode()).decode()


def _ssh(repository: Repository, trust: Trust, private: Path) -> Iterator[str]:
    yield from ("ssh", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=15")
    yield from ("-o", f"UserKnownHostsFile={_written(private / 'known_hosts', trust.known_hosts)}")
    yield from ("-o", f"StrictHostKeyChecking={'no' if repository.insecure else 'yes'}")
    if repository.credentials.ssh_key:
        yield from ("-i", str(_written(private / "key", repository.credentials.ssh_key.rstrip("\n") + "\n")))


def _written(path: Path, text: str) -> Path:
    with contextlib.closing(os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")) as file:
        file.write(text)
    return path
