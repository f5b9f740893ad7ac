"""What a revision means: branch, tag, SHA, full ref or a range over versions, among what a repository lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rollouts.gitops.asks import Resolution
from rollouts.gitops.source.errors import SourceError
from rollouts.kit import semver

SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
_PEELED = "^{}"
REVISION_CHARS_MAX = 256
# What `git check-ref-format` refuses, and what git would take for an option or an expression.
_NO_REF = re.compile(r"^-|^/|/$|//|\.\.|@\{|[\x00-\x20\x7f~^:?*\[\\]|\.lock(?:/|$)|/\.|^\.|\.$")


def is_sha(revision: str) -> bool:
    """Whether the revision is a full commit id, which needs no look-up."""
    return SHA.fullmatch(revision) is not None


def resolve(refs: Mapping[str, str], target: str, tag_prefix: str = "") -> Resolution:
    """The commit that `target` means among a repository's refs (`HEAD`, `refs/heads/x`, `refs/tags/y`, `…^{}`).

    Exact names go before ranges: a branch `1.x` is that branch. Raises SourceError.
    """
    target = target or "HEAD"
    if is_sha(target):
        return Resolution(target)
    if target.startswith("-") or len(target) > REVISION_CHARS_MAX:
        raise SourceError(f"targetRevision {target[:64]!r} is no revision")
    if found := _exact(refs, target):
        return found
    if _SHORT_SHA.fullmatch(target) and (found := _short(refs, target)):
        return found
    if (wanted := semver.span(target)) and (found := _newest(refs, wanted, tag_prefix)):
        return found
    if not refs:
        raise SourceError("the repository is empty")
    if wanted is None and _NO_REF.search(target):
        raise SourceError(f"targetRevision {target!r} is no revision")
    what = "no tag is in the range" if wanted else "no branch, tag or commit is called"
    raise SourceError(f"targetRevision: {what} {target!r}")


def tag_of(refs: Mapping[str, str], target: str, commit: str, tag_prefix: str = "") -> str:
    """The object of the annotated tag by which `target` means a commit, "" where it is no such tag or commit."""
    if is_sha(target):
        return ""
    try:
        found = resolve(refs, target, tag_prefix)
    except SourceError:
        return ""
    return refs.get(found.name, "") if found.revision == commit and found.name + _PEELED in refs else ""


def choose_version(versions: Iterable[str], target: str, chart: str) -> str:
    """The version of a chart that `target` means: the exact one, or the newest of a range ("" is any release)."""
    known = tuple(versions)
    if target in known:
        return target
    wanted = semver.span(target or "*")
    if wanted is None:
        raise SourceError(f"targetRevision {target!r} is no version and no range of versions of chart {chart}")
    newest = wanted.newest(parsed for text in known if (parsed := semver.version(text)))
    if newest is None:
        raise SourceError(f"targetRevision: no version of chart {chart} is in the range {target or '*'!r}")
    return str(newest)


def _exact(refs: Mapping[str, str], target: str) -> Resolution | None:
    names = (target,) if target == "HEAD" or target.startswith("refs/") else _names(target)
    for name in names:
        if sha := refs.get(name + _PEELED) or refs.get(name):
            return Resolution(sha, name)
    return None


def _names(target: str) -> tuple[str, ...]:
    return (f"refs/tags/{target}", f"refs/heads/{target}", f"refs/remotes/origin/{target}")


def _short(refs: Mapping[str, str], target: str) -> Resolution | None:
    """A shortened SHA, where one listed commit alone begins so."""
    full = {sha for sha in refs.values() if sha.startswith(target)}
    if len(full) > 1:
        raise SourceError(f"targetRevision {target!r} begins {len(full)} commits: write more of it")
    return Resolution(full.pop()) if full else None


def _newest(refs: Mapping[str, str], wanted: semver.Range, prefix: str) -> Resolution | None:
    tags = {}
    for name in refs:
        if name.startswith("refs/tags/") and not name.endswith(_PEELED):
            tag = name.removeprefix("refs/tags/")
            if tag.startswith(prefix) and (parsed := semver.version(tag.removeprefix(prefix))):
                tags[parsed] = name
    newest = wanted.newest(tags)
    if newest is None:
        return None
    name = tags[newest]
    return Resolution(refs.get(name + _PEELED) or refs[name], name)
