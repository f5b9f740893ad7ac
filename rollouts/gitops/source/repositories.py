"""Repository Secrets: which credentials belong to which address. Values are kept out of every repr."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.gitops.source.address import is_oci, normal

TYPE_LABEL = "argocd.argoproj.io/secret-type"
REPOSITORY, TEMPLATE = "repository", "repo-creds"


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to be let in: a user and password (or token), an ssh key, a client certificate; all "" for nobody."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    tls_cert: str = field(default="", repr=False)
    tls_key: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that no message may show."""
        return tuple(word for word in (self.password, self.bearer, self.ssh_key, self.tls_key) if word)


@dataclass(frozen=True, slots=True)
class Repository:
    """What is known of an address.

    insecure: neither the server's certificate nor its host key is verified.  proxy, no_proxy: for this repository.
    kind: "git" or "helm".  project: whose alone it is, "" for everybody's.  is_template: it stands for all below it.
    """

    url: str
    name: str = ""
    kind: str = "git"
    project: str = ""
    credentials: Credentials = Credentials()
    insecure: bool = False
    proxy: str = ""
    no_proxy: str = ""
    lfs: bool = False
    oci: bool = False
    is_template: bool = False

    @property
    def is_registry(self) -> bool:
        """Whether its charts are in an OCI registry, which an address without a scheme means too."""
        return self.oci or is_oci(self.url) or "://" not in self.url

    @property
    def asker(self) -> str:
        """An address and who asks there, hashed, so that nobody is answered with what another may see."""
        parts = (self.url, self.credentials.username, *self.credentials.secrets)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def match(secrets: Iterable[Mapping[str, Any]], url: str, project: str = "") -> Repository:
    """What the repository Secrets say of an address.

    An exact entry goes before templates, of which the longest prefix wins; an entry of the asking project goes before
    everybody's, and one of another project is not seen at all.
    """
    wanted = _known(url)
    exact: Repository | None = None
    template: Repository | None = None
    for secret in sorted(secrets, key=lambda each: str(each["metadata"]["name"])):
        entry = _parsed(secret)
        if entry.project not in ("", project):
            continue
        known = _known(entry.url)
        if _type(secret) == REPOSITORY and known == wanted:
            exact = entry if exact is None or entry.project else exact
        elif _type(secret) == TEMPLATE and _is_below(wanted, known):
            longer = template is None or len(known) > len(_known(template.url))
            template = entry if longer or (template and entry.project and known == _known(template.url)) else template
    if exact is None:
        return _inherited(Repository(url), template)
    return exact if exact.credentials != Credentials() else _inherited(exact, template)


def all_of(secrets: Iterable[Mapping[str, Any]]) -> tuple[Repository, ...]:
    """Every entry, in the order of the Secrets' names, for listings."""
    ordered = sorted(secrets, key=lambda each: str(each["metadata"]["name"]))
    return tuple(_parsed(secret) for secret in ordered if _type(secret) in (REPOSITORY, TEMPLATE))


def _inherited(repository: Repository, template: Repository | None) -> Repository:
    if template is None:
        return repository
    return Repository(
        repository.url, repository.name, repository.kind, repository.project, template.credentials,
        repository.insecure or template.insecure, repository.proxy or template.proxy,
        repository.no_proxy or template.no_proxy, repository.lfs, repository.oci or template.oci,
    )  # fmt: skip


def _is_below(url: str, prefix: str) -> bool:
    """Whether the prefix ends at a boundary of the address: `…/team` is no prefix of `…/team-secret`."""
    return url == prefix or url.startswith(prefix if prefix.endswith("/") else prefix + "/")


def _known(url: str) -> str:
    """An address as it is looked up: a registry's is the same with its scheme and without."""
    return normal(url).removeprefix("oci://")


def _type(secret: Mapping[str, Any]) -> str:
    return str((secret["metadata"].get("labels") or {}).get(TYPE_LABEL, ""))


def _parsed(secret: Mapping[str, Any]) -> Repository:
    read = {key: _text(value) for key, value in (secret.get("data") or {}).items()}
    read |= {key: str(value) for key, value in (secret.get("stringData") or {}).items()}

    def flag(name: str) -> bool:
        return read.get(name, "").strip().lower() in ("true", "1", "t")

    return Repository(
        url=read.get("url", "").strip(),
        name=read.get("name", "") or str(secret["metadata"]["name"]),
        kind=read.get("type", "git").strip() or "git",
        project=read.get("project", "").strip(),
        credentials=Credentials(
            username=read.get("username", ""),
            password=read.get("password", ""),
            bearer=read.get("bearerToken", ""),
            ssh_key=read.get("sshPrivateKey", ""),
            tls_cert=read.get("tlsClientCertData", ""),
            tls_key=read.get("tlsClientCertKey", ""),
        ),
        insecure=flag("insecure") or flag("insecureIgnoreHostKey"),
        proxy=read.get("proxy", ""),
        no_proxy=read.get("noProxy", ""),
        lfs=flag("enableLfs"),
        oci=flag("enableOCI") or read.get("type", "").strip() == "oci",
        is_template=_type(secret) == TEMPLATE,
    )


def _text(value: object) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
