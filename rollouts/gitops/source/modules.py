"""Submodules of git: which repository lies at which path, and what a relative address means."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from rollouts.gitops.source import address
from rollouts.gitops.source.errors import SourceError

FILE = ".gitmodules"
MODULES_MAX = 200
_SECTION = re.compile(r"\s*\[\s*submodule\s+\"((?:[^\"\\]|\\.)*)\"\s*\]\s*")
_PAIR = re.compile(r"\s*(path|url)\s*=\s*(.*?)\s*")


def read(text: str) -> Mapping[str, str]:
    """Address by path, as `.gitmodules` says. Raises SourceError where it names too many."""
    sections: list[dict[str, str]] = []
    for line in text.splitlines():
        if _SECTION.fullmatch(line):
            sections.append({})
        elif sections and (pair := _PAIR.fullmatch(line)):
            sections[-1][pair[1]] = pair[2].strip('"')
    if len(sections) > MODULES_MAX:
        raise SourceError(f"{FILE} names {len(sections)} submodules, more than {MODULES_MAX}")
    return {posixpath.normpath(each["path"]): each["url"] for each in sections if each.get("path") and each.get("url")}


def address_of(parent: str, url: str) -> str:
    """The address of a submodule. A relative one counts from the parent's; raises SourceError for one that must not be.

    A file on this machine is reached from a repository on this machine alone, and by a relative address alone.
    """
    if not url.startswith(("./", "../")):
        if address.scheme_of(url) in ("", "file"):
            raise SourceError(f"submodule {address.shown(url)!r} leads to files of this machine")
        return address.checked(url)
    head, rest = parent.rstrip("/"), url
    while rest.startswith(("./", "../")):
        if rest.startswith("../"):
            cut = max(head.rfind("/"), head.rfind(":") if address.is_scp(parent) else -1)
            if cut < len(_root(parent)):
                raise SourceError(f"submodule {address.shown(url)!r} leads out of its server")
            head, rest = head[: cut + 1].rstrip("/"), rest[3:]
        else:
            rest = rest[2:]
    if ".." in rest.split("/"):
        raise SourceError(f"submodule {address.shown(url)!r} is no address of a repository")
    return address.checked(head + rest if head.endswith(":") else f"{head}/{rest}")


def _root(url: str) -> str:
    """The part of an address that no path may leave."""
    if address.is_scp(url):
        return url.partition(":")[0]
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
