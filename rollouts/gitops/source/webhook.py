"""What the push of a forge says: is it genuine, which repository, which revision. A refresh is all it causes."""

from __future__ import annotations

import hashlib
import hmac
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.gitops.source import address
from rollouts.gitops.source.errors import SourceError
from rollouts.kit.glob import matches
from rollouts.kit.parts import at
from rollouts.kit.semver import span

FILES_MAX = 5000
PATHS_ANNOTATION = "argocd.argoproj.io/manifest-generate-paths"


@dataclass(frozen=True, slots=True)
class Push:
    """What was pushed.

    places: host and path of the repository, however it is spelt.  ref: the full ref, "" for unknown.
    is_default: whether it is the default branch, so that HEAD means it.  files: what changed, None where nobody says.
    """

    places: tuple[str, ...]
    ref: str
    is_default: bool
    files: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Forge:
    """How one forge speaks. header: tells it apart.  event: the header and values of a push.  secret: the key in
    `argocd-secret`.  signature: the header that proves it; is_token: it holds the secret itself, not a HMAC."""

    name: str
    header: str
    pushes: tuple[str, ...]
    secret: str
    signature: str
    is_token: bool = False


_GITLAB = ("Push Hook", "Tag Push Hook", "System Hook")
FORGES = (
    # Gitea and Gogs send GitHub's headers too, so they are looked at first.
    Forge("gitea", "X-Gitea-Event", ("push",), "webhook.gogs.secret", "X-Gitea-Signature"),
    Forge("gogs", "X-Gogs-Event", ("push",), "webhook.gogs.secret", "X-Gogs-Signature"),
    Forge("github", "X-GitHub-Event", ("push",), "webhook.github.secret", "X-Hub-Signature-256"),
    Forge("gitlab", "X-Gitlab-Event", _GITLAB, "webhook.gitlab.secret", "X-Gitlab-Token", is_token=True),
    Forge(
        "bitbucketserver", "X-Event-Key", ("repo:refs_changed",), "webhook.bitbucketserver.secret", "X-Hub-Signature"
    ),
    Forge("bitbucket", "X-Event-Key", ("repo:push",), "webhook.bitbucket.uuid", "X-Hook-UUID", is_token=True),
)


def forge_of(headers: Mapping[str, str]) -> Forge | None:
    """Who speaks, or None. Names of headers are compared without case."""
    said = {name.lower(): value for name, value in headers.items()}
    for forge in FORGES:
        value = said.get(forge.header.lower())
        if value is not None and (forge.header != "X-Event-Key" or value in forge.pushes or _is_ping(forge, said)):
            return forge
    return None


def is_push(forge: Forge, headers: Mapping[str, str]) -> bool:
    """Whether it is a push; everything else is thanked for and forgotten."""
    said = {name.lower(): value for name, value in headers.items()}
    return said.get(forge.header.lower()) in forge.pushes


def is_genuine(forge: Forge, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the body was sent by someone who knows the secret, compared in constant time."""
    said = {name.lower(): value for name, value in headers.items()}.get(forge.signature.lower(), "")
    if not secret:
        return False
    wanted = secret
    if not forge.is_token:
        said = said.removeprefix("sha256=")
        wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(said.encode("utf-8", "surrogateescape"), wanted.encode())


def pushes(forge: Forge, said: Any) -> tuple[Push, ...]:
    """What was pushed. Raises SourceError for a payload that is not of that forge."""
    if not isinstance(said, Mapping):
        raise SourceError("the payload is no object")
    try:
        return tuple(_READERS[forge.name](said))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise SourceError(f"the payload is not one of {forge.name}: {type(error).__name__}") from None


def concerns(push: Push, application: Mapping[str, Any]) -> bool:
    """Whether an Application may look different after the push."""
    spec = application.get("spec") or {}
    sources = [*(spec.get("sources") or ()), *([spec["source"]] if spec.get("source") else ())]
    return any(_concerns(push, source, application) for source in sources if isinstance(source, Mapping))


def _concerns(push: Push, source: Mapping[str, Any], application: Mapping[str, Any]) -> bool:
    url = str(source.get("repoURL") or "")
    if not url or source.get("chart") or address.place(url) not in push.places:
        return False
    target = str(source.get("targetRevision") or "HEAD")
    short = push.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    is_plain = target in (push.ref, short) or (target == "HEAD" and push.is_default)
    # A range may mean any tag; a plain name of another branch is another branch.
    if not is_plain and not (push.ref.startswith("refs/tags/") and span(target) is not None):
        return False
    return _touches(push, source, application)


def _touches(push: Push, source: Mapping[str, Any], application: Mapping[str, Any]) -> bool:
    """Whether the files that changed are among those that the Application says it is made of."""
    wanted = str(at(application, "metadata", "annotations", PATHS_ANNOTATION) or "")
    if not wanted or push.files is None:
        return True
    path = str(source.get("path") or "")
    for each in filter(None, (part.strip() for part in wanted.split(";"))):
        here = each.lstrip("/") if each.startswith("/") else posixpath.normpath(posixpath.join(path, each))
        here = "" if here == "." else here.rstrip("/")
        if any(not here or file == here or file.startswith(here + "/") or matches(here, file) for file in push.files):
            return True
    return False


def _is_ping(forge: Forge, said: Mapping[str, str]) -> bool:
    return said.get("x-event-key", "") == "diagnostics:ping" and forge.name == "bitbucketserver"


def _places(*urls: Any) -> tuple[str, ...]:
    return tuple({address.place(url) for url in urls if isinstance(url, str) and url})


def _files(commits: Any) -> tuple[str, ...] | None:
    """The files of the commits, None where there are too many to say."""
    if not isinstance(commits, list) or not commits:
        return None
    found = [
        str(file) for each in commits for name in ("added", "modified", "removed") for file in each.get(name) or ()
    ]
    return tuple(found) if len(found) <= FILES_MAX else None


def _like_github(said: Mapping[str, Any]) -> Iterator[Push]:
    repository = said["repository"]
    places = _places(*(repository.get(name) for name in ("html_url", "clone_url", "ssh_url", "git_url", "url")))
    ref = str(said["ref"])
    commits = said.get("commits")
    # A forge lists a few commits of a large push, so a full list says nothing about the files.
    files = _files(commits) if isinstance(commits, list) and len(commits) < 20 and not said.get("forced") else None
    yield Push(places, ref, ref == f"refs/heads/{repository.get('default_branch')}", files)


def _like_gitlab(said: Mapping[str, Any]) -> Iterator[Push]:
    project = said["project"]
    places = _places(*(project.get(name) for name in ("web_url", "git_http_url", "git_ssh_url")))
    ref = str(said["ref"])
    commits = said.get("commits")
    is_whole = isinstance(commits, list) and len(commits) == said.get("total_commits_count")
    yield Push(places, ref, ref == f"refs/heads/{project.get('default_branch')}", _files(commits) if is_whole else None)


def _like_bitbucket(said: Mapping[str, Any]) -> Iterator[Push]:
    links = said["repository"]["links"]
    html = links["html"]["href"]
    for change in said["push"]["changes"]:
        new = change.get("new") or change.get("old")
        kind = "tags" if new["type"] == "tag" else "heads"
        yield Push(_places(html), f"refs/{kind}/{new['name']}", True, None)


def _like_bitbucket_server(said: Mapping[str, Any]) -> Iterator[Push]:
    clones = [link["href"] for link in said["repository"]["links"].get("clone") or ()]
    for change in said["changes"]:
        yield Push(_places(*clones), str(change["ref"]["id"]), True, None)


_READERS = {
    "gitea": _like_github,
    "gogs": _like_github,
    "github": _like_github,
    "gitlab": _like_gitlab,
    "bitbucket": _like_bitbucket,
    "bitbucketserver": _like_bitbucket_server,
}
