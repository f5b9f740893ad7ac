"""Where the API server is and who we are there: kubeconfig files, or the service account of a pod."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rollouts.core.errors import HiccupError
from rollouts.shell.credentials import AuthProvider, Basic, Credentials, ExecPlugin, Nobody, StaticToken, TokenFile

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFIG_BYTES_MAX = 4 * 1024 * 1024


class AccessError(HiccupError):
    """No way to the API server can be made out of what is configured."""


@dataclass(slots=True)
class Access:
    """One identity at one API server.

    ca, certificate, key: PEM text, "" where there is none.  server_name: overrides the name that TLS checks.
    """

    server: str
    credentials: Credentials = field(default_factory=Nobody)
    namespace: str = "default"
    context: str = ""
    user: str = ""
    ca: str = field(default="", repr=False)
    insecure: bool = False
    server_name: str = ""
    proxy: str = ""
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    impersonate: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The entries of a kubeconfig to use; "" is what the file itself names."""

    context: str = ""
    cluster: str = ""
    user: str = ""


AS_WRITTEN = Choice()


def load(path: str = "", choice: Choice = AS_WRITTEN) -> Access:
    """The access that kubectl would use: --kubeconfig, then $KUBECONFIG, then ~/.kube/config, then a pod's own account.

    Raises AccessError with what is missing where.
    """
    files = _files(path)
    # A pipeline that runs in a pod and was given a file means that file's cluster, not the one that it runs in.
    is_named = path or choice != AS_WRITTEN or os.environ.get("KUBECONFIG") or files[0].is_file()
    if not is_named and (inside := in_cluster()):
        return inside
    return from_files(files, choice)


def in_cluster(folder: Path = SERVICE_ACCOUNT) -> Access | None:
    """The service account of the pod that this process runs in, or None outside of a cluster."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (folder / "token").is_file():
        return None
    space = folder / "namespace"
    return Access(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        credentials=TokenFile(folder / "token"),
        namespace=space.read_text().strip() if space.is_file() else "default",
        context="in-cluster",
        ca=_text(folder / "ca.crt"),
    )


def from_files(paths: list[Path], choice: Choice = AS_WRITTEN) -> Access:
    """The access of one context of the merged kubeconfig files; what an earlier file says wins."""
    present = [path for path in paths if path.is_file()]
    if not present:
        raise AccessError(f"there is no kubeconfig {', '.join(map(str, paths))}")
    merged = _merge(present)
    if not merged["contexts"]:
        raise AccessError(f"no context in {', '.join(map(str, paths))}")
    chosen = choice.context or merged["current-context"]
    if chosen not in merged["contexts"]:
        known = ", ".join(sorted(merged["contexts"]))
        raise AccessError(f"no context {chosen!r} in {', '.join(map(str, paths))}; there are: {known}")
    entry, _ = merged["contexts"][chosen]
    for what, name in (("cluster", choice.cluster), ("user", choice.user)):
        if name and name not in merged[f"{what}s"]:
            raise AccessError(f"no {what} {name!r}; there are: {', '.join(sorted(merged[f'{what}s']))}")
    cluster, cluster_home = merged["clusters"].get(choice.cluster or entry.get("cluster"), (None, None))
    if cluster is None or not cluster.get("server"):
        raise AccessError(f"context {chosen!r} names no known cluster")
    user_name = str(choice.user or entry.get("user") or "")
    user, user_home = merged["users"].get(user_name, ({}, Path()))
    ca = _pem(cluster, "certificate-authority", cluster_home)
    if ca:
        cluster = {**cluster, "certificate-authority-data": base64.b64encode(ca.encode()).decode()}
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        credentials=_credentials(user, user_home, paths, chosen, cluster),
        namespace=entry.get("namespace") or "default",
        context=chosen,
        user=user_name,
        ca=ca,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        server_name=cluster.get("tls-server-name") or "",
        proxy=cluster.get("proxy-url") or "",
        certificate=_pem(user, "client-certificate", user_home),
        key=_pem(user, "client-key", user_home),
        impersonate=_impersonate(user),
        groups=tuple(map(str, user.get("as-groups") or ())),
    )


def _files(path: str) -> list[Path]:
    if path:
        if not Path(path).is_file():
            raise AccessError(f"there is no kubeconfig {path}")
        return [Path(path)]
    if listed := os.environ.get("KUBECONFIG"):
        return [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
    return [Path.home() / ".kube" / "config"]


def _merge(paths: list[Path]) -> dict[str, Any]:
    merged: dict[str, Any] = {"clusters": {}, "users": {}, "contexts": {}, "current-context": ""}
    for path in paths:
        if path.stat().st_size > CONFIG_BYTES_MAX:
            raise AccessError(f"{path} is larger than {CONFIG_BYTES_MAX} bytes")
        try:
            content = yaml.safe_load(_text(path)) or {}
        except yaml.YAMLError as error:
            raise AccessError(f"{path} is no YAML: {str(error).splitlines()[0]}") from None
        if not isinstance(content, dict):
            raise AccessError(f"{path} is no kubeconfig")
        merged["current-context"] = merged["current-context"] or content.get("current-context") or ""
        for plural, singular in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
            for entry in content.get(plural) or ():
                told = entry.get(singular) or {} if isinstance(entry, dict) else None
                if not isinstance(told, dict):
                    raise AccessError(f"{path} is no kubeconfig: {plural} are pairs of `name` and `{singular}`")
                merged[plural].setdefault(entry.get("name"), (told, path.parent))
    return merged


def _credentials(
    user: Mapping[str, Any], home: Path, paths: list[Path], context: str, cluster: Mapping[str, Any]
) -> Credentials:
    if user.get("tokenFile"):  # kept fresh by somebody, so it goes before the token
        return TokenFile(home / user["tokenFile"])
    if user.get("token"):
        return StaticToken(str(user["token"]))
    if user.get("exec"):
        return ExecPlugin.read(user["exec"], home, cluster)
    if user.get("username"):
        return Basic(str(user["username"]), str(user.get("password") or ""))
    if user.get("auth-provider"):
        return AuthProvider(str(paths[0]), context)
    return Nobody()


def _impersonate(user: Mapping[str, Any]) -> dict[str, str]:
    named = (("Impersonate-User", "as"), ("Impersonate-Uid", "as-uid"))
    return {header: str(user[field]) for header, field in named if user.get(field)}


def _pem(entry: Mapping[str, Any], name: str, home: Path) -> str:
    if encoded := entry.get(f"{name}-data"):
        try:
            return base64.b64decode("".join(str(encoded).split()), validate=True).decode()  # lines may be wrapped
        except (binascii.Error, UnicodeDecodeError):
            raise AccessError(f"{name}-data is no base64 of a PEM text") from None
    if path := entry.get(name):
        return _text(home / path)
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"{path}: {getattr(error, 'strerror', None) or 'is no text'}") from None
