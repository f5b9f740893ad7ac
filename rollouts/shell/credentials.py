"""How a request says who sends it: tokens, token files, passwords, exec plugins, and what `kubernetes` alone knows."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rollouts.core.errors import HiccupError
from rollouts.kit.instant import Instant
from rollouts.shell import clock

TOKEN_FILE_FRESH_S = 60.0  # the kubelet renews a projected token long before it ends
EXEC_TIMEOUT_S = 60.0
EXEC_ASKING_S_MAX = 600.0  # where a person may log in by it: with a browser, a key, a code
EXEC_OUTPUT_BYTES_MAX = 1024 * 1024
EXEC_EARLY_S = 30.0  # renew a little before the end
CLUSTER_FIELDS = (  # what a plugin may be told of the cluster
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)
API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class Credentials:
    """Headers for requests. `is_fresh` is cheap; `renew` may read a file or run a program, and then blocks."""

    certificate: str = ""
    key: str = ""
    is_final: bool = True  # whether nothing better can be had after a 401

    def is_fresh(self) -> bool:
        """Whether `headers` may be used as they are."""
        return True

    def renew(self) -> None:
        """Fetch new credentials. Raises HiccupError where that fails."""

    def reject(self) -> None:
        """The server answered 401: the next request must not use what this one used."""

    def headers(self) -> dict[str, str]:
        """The headers that identify us."""
        return {}


class Nobody(Credentials):
    """No header: a client certificate, or nobody."""


@dataclass
class StaticToken(Credentials):
    """A bearer token out of a kubeconfig."""

    token: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        """The bearer token."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Basic(Credentials):
    """User name and password."""

    username: str
    password: str = field(repr=False)

    def headers(self) -> dict[str, str]:
        """HTTP basic authentication."""
        word = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {word}"}


@dataclass
class TokenFile(Credentials):
    """A token that somebody else keeps fresh in a file."""

    path: Path
    token: str = field(default="", repr=False)
    read_at: float = -1e9
    is_final: bool = field(default=False, init=False, repr=False)

    def is_fresh(self) -> bool:
        """Whether the file was read lately."""
        return time.monotonic() - self.read_at < TOKEN_FILE_FRESH_S

    def renew(self) -> None:
        """Read the file again."""
        try:
            self.token = self.path.read_text().strip()
        except OSError as error:
            if not self.token:
                raise HiccupError(f"{self.path}: {error.strerror}") from None
        self.read_at = time.monotonic()

    def reject(self) -> None:
        """Read the file before the next request."""
        self.read_at = -1e9

    def headers(self) -> dict[str, str]:
        """The token of the latest reading."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class ExecPlugin(Credentials):
    """A program that prints an ExecCredential. never_asks: it talks to nobody, whatever terminal there is."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    api_version: str = API_VERSIONS[0]
    cluster: Mapping[str, Any] | None = field(default=None, repr=False)
    hint: str = ""
    never_asks: bool = False
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    _token: str = field(default="", repr=False)
    _until_s: float = -1.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    is_final: bool = field(default=False, init=False, repr=False)

    @classmethod
    def read(cls, spec: Mapping[str, Any], home: Path, cluster: Mapping[str, Any]) -> ExecPlugin:
        """From the `exec` section of a kubeconfig user."""
        if spec.get("apiVersion") not in API_VERSIONS:
            raise HiccupError(
                f"exec plugin apiVersion {spec.get('apiVersion')!r}: use one of {', '.join(API_VERSIONS)}"
            )
        if not spec.get("command"):
            raise HiccupError("exec plugin: `command` names no program")
        program = str(spec["command"])
        if os.sep in program and not os.path.isabs(program):
            program = str(home / program)
        return cls(
            (program, *map(str, spec.get("args") or ())),
            {str(pair["name"]): str(pair["value"]) for pair in spec.get("env") or ()},
            spec["apiVersion"],
            _told(cluster) if spec.get("provideClusterInfo") else None,
            str(spec.get("installHint") or ""),
            spec.get("interactiveMode") == "Never",
        )

    def is_fresh(self) -> bool:
        """Whether what the program printed has not run out."""
        return clock.now().seconds < self._until_s - EXEC_EARLY_S

    def reject(self) -> None:
        """Run the program before the next request."""
        self._until_s = -1.0

    def renew(self) -> None:
        """Run the program."""
        with self._lock:
            if not self.is_fresh():
                self._take(self._run())

    def headers(self) -> dict[str, str]:
        """The token that the program printed, if any."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _run(self) -> Mapping[str, Any]:
        asks = not self.never_asks and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)
        spec: dict[str, Any] = {"interactive": asks}
        if self.cluster:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        environment = {**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            done = subprocess.run(  # noqa: S603  # the user's kubeconfig names the program; no shell is involved
                self.command,
                env=environment,
                stdin=None if asks else subprocess.DEVNULL,  # what is piped to us is not for the plugin
                stdout=subprocess.PIPE,
                stderr=None if asks else subprocess.PIPE,
                timeout=EXEC_ASKING_S_MAX if asks else EXEC_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError:
            raise HiccupError(f"exec plugin {self.command[0]} is not installed. {self.hint}".strip()) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HiccupError(f"exec plugin {self.command[0]}: {type(error).__name__}") from None
        if done.returncode != 0 or len(done.stdout) > EXEC_OUTPUT_BYTES_MAX:
            said = (done.stderr or b"").decode(errors="replace").strip().splitlines()[-1:] or [""]
            raise HiccupError(f"exec plugin {self.command[0]} ended with {done.returncode}: {said[0][:200]}")
        try:
            status = json.loads(done.stdout)["status"]
        except (ValueError, KeyError, TypeError):
            raise HiccupError(f"exec plugin {self.command[0]} printed no ExecCredential") from None
        return status if isinstance(status, dict) else {}

    def _take(self, status: Mapping[str, Any]) -> None:
        self._token = str(status.get("token") or "")
        self.certificate = str(status.get("clientCertificateData") or "")
        self.key = str(status.get("clientKeyData") or "")
        ends = Instant.parse(status.get("expirationTimestamp"))
        self._until_s = ends.seconds if ends else clock.now().seconds + 365 * 86400


def _told(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster of a kubeconfig as plugins are told of it."""
    told = {name: cluster[name] for name in CLUSTER_FIELDS if cluster.get(name)}
    extensions = {each.get("name"): each.get("extension") for each in cluster.get("extensions") or ()}
    own = extensions.get("client.authentication.k8s.io/exec")
    return told if own is None else {**told, "config": own}


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


@dataclass
class AuthProvider(Credentials):
    """The legacy auth-provider plugins (oidc, gcp, azure), which the `kubernetes` package knows; needs extra `auth`."""

    path: str
    context: str
    _header: str = field(default="", repr=False)
    _read_at: float = -1e9
    is_final: bool = field(default=False, init=False, repr=False)

    def is_fresh(self) -> bool:
        """Whether the header was made lately."""
        return time.monotonic() - self._read_at < TOKEN_FILE_FRESH_S

    def reject(self) -> None:
        """Make the header anew before the next request."""
        self._read_at = -1e9

    def renew(self) -> None:
        """Let the `kubernetes` package make the header."""
        try:
            from kubernetes import client, config
        except ImportError:
            raise HiccupError("this kubeconfig uses an auth-provider: pip install 'rollouts[auth]'") from None
        made = client.Configuration()
        try:
            config.load_kube_config(  # type: ignore[no-untyped-call]  # the package has no types
                self.path, self.context, client_configuration=made, persist_config=False
            )
        except Exception as error:  # the plugins raise whatever their libraries raise
            raise HiccupError(f"auth-provider of context {self.context}: {type(error).__name__}") from None
        self._header = made.get_api_key_with_prefix("authorization") or ""
        self._read_at = time.monotonic()

    def headers(self) -> dict[str, str]:
        """The header that the package made."""
        return {"Authorization": self._header} if self._header else {}
