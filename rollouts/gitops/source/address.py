"""Addresses of repositories: which are allowed, which are the same, how they are shown."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from urllib.parse import unquote, urlsplit

from rollouts.gitops.source.errors import SourceError

GIT_SCHEMES = frozenset({"https", "http", "ssh", "git+ssh", "file"})
CHART_SCHEMES = frozenset({"https", "http", "oci"})
URL_CHARS_MAX = 2048
NEAR = "addresses of the machine's own network are not fetched"
_SCP = re.compile(r"([A-Za-z0-9._-]+)@([A-Za-z0-9][A-Za-z0-9.-]*):(?!//)([^\s]+)")
# Of clouds that keep it at no link-local address: AWS (twice), Azure, Google, Alibaba.
METADATA = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd00:ec2::23", "168.63.129.16", "fd20:ce::254", "100.100.100.200"))
)
_METADATA_HOSTS = frozenset({"metadata.google.internal", "metadata", "instance-data"})
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")


def checked(url: str, *, is_chart: bool = False) -> str:
    """The address, if it is one that may be fetched. Raises SourceError.

    Refused are words that git would take for an option or for a program to run (`-u…`, `ext::`, `fd::`), and schemes
    beside the known ones.
    """
    if not url or len(url) > URL_CHARS_MAX or _CONTROL.search(url) or url.startswith("-"):
        raise SourceError(f"repoURL {shown(url)!r} is no address of a repository")
    if is_link_local(url):
        raise SourceError(f"repoURL {shown(url)}: {NEAR}")
    if is_scp(url):
        if is_chart:
            raise SourceError(f"repoURL {shown(url)}: charts come from https:// or oci:// addresses")
        if _SCP.fullmatch(url) and not url.partition(":")[2].startswith("-"):
            return url
        raise SourceError(f"repoURL {shown(url)!r} is no address of a repository")
    scheme, host = scheme_of(url), _host(url)
    allowed = CHART_SCHEMES if is_chart else GIT_SCHEMES
    if scheme not in allowed:
        raise SourceError(
            f"repoURL {shown(url)}: scheme {scheme or '(none)'} is not one of {', '.join(sorted(allowed))}"
        )
    if scheme != "file" and (not host or host.startswith("-")):
        raise SourceError(f"repoURL {shown(url)}: no host")
    return url


def is_oci(url: str) -> bool:
    """Whether the address is of an OCI registry."""
    return url.startswith("oci://")


def is_scp(url: str) -> bool:
    """Whether the address has git's short ssh form, `git@host:group/repo`."""
    return "://" not in url and bool(_SCP.match(url)) and "::" not in url


def host_of(url: str) -> str:
    """The host, "" for none."""
    return url.partition("@")[2].partition(":")[0] if is_scp(url) else _host(url)


def is_link_local(url: str) -> bool:
    """Whether the host is a literal address of the machine's own link, where clouds keep their metadata."""
    host = host_of(url)
    try:
        return is_near(host)
    except ValueError:
        return host.lower().rstrip(".") in _METADATA_HOSTS


def is_near(host: str) -> bool:
    """Whether an address is of the machine's own link, or of a cloud's metadata. Raises ValueError for a name."""
    found = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_link_local or found.is_unspecified or found.is_multicast or found in METADATA


def scheme_of(url: str) -> str:
    """The scheme, lower case; "ssh" for the short form, "" for none."""
    if is_scp(url):
        return "ssh"
    return url.partition("://")[0].lower() if "://" in url else ""


def normal(url: str) -> str:
    """One text for all spellings of an address: no user, no `.git`, no trailing slash, host in lower case."""
    if is_scp(url):
        found = _SCP.fullmatch(url)
        assert found is not None, "is_scp matched a prefix of what fullmatch does not"
        url = f"ssh://{found[2]}/{found[3].lstrip('/')}"
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port and (parts.scheme, parts.port) not in _DEFAULT_PORTS else ""
        host = (parts.hostname or "").lower()
    except ValueError:
        return url
    path = unquote(parts.path).rstrip("/").removesuffix(".git").rstrip("/")
    return f"{parts.scheme.lower()}://{host}{port}{path}" if parts.scheme else path


def spelling(text: str) -> str:
    """One text for all spellings of an address, or of a pattern of addresses, for rules on what is permitted.

    A rule that forbids one must hold for whatever leads a server to the same place: a user in front, the default port,
    signs written as %xx, doubled slashes, dots. Like `normal`, but all in lower case.
    """
    text = text.strip().lower()
    if is_scp(text):
        host, _, path = text.partition(":")
        text = f"ssh://{host}/{path}"
    scheme, found, rest = text.partition("://") if "://" in text else ("", "", text)
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.rpartition("@")[2].partition(":")
    is_default = port.isdigit() and (scheme.removeprefix("git+"), int(port)) in _DEFAULT_PORTS
    host = host.rstrip(".") + ("" if is_default else f"{colon}{port}")
    inner = posixpath.normpath("/" + unquote(path).lstrip("/")).rstrip("/").removesuffix(".git") if slash else ""
    return f"{scheme.removeprefix('git+')}{found}{host}{inner}"


def place(url: str) -> str:
    """Host and path alone, lower case: what a webhook's https and ssh addresses have in common."""
    return normal(url).partition("://")[2].lower()


def shown(url: str) -> str:
    """An address for messages: without user, password, query and fragment, and never longer than a line."""
    if "://" in url:
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        url = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path.split('?')[0].split('#')[0]}"
    return "".join(sign if sign.isprintable() else "?" for sign in url[:256])


_DEFAULT_PORTS = {("https", 443), ("http", 80), ("ssh", 22)}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
