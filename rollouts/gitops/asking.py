"""What is asked of git and the renderers for one Application, and what they have said so far."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollouts.core.plan import Answer
from rollouts.core.reader import Reader
from rollouts.gitops import tracking, wanted
from rollouts.gitops.asks import GitResolve, Rendered, RenderManifests, Resolution
from rollouts.gitops.health.model import says
from rollouts.gitops.keys import Key
from rollouts.gitops.operation import Running, is_told, pinned_sources, status_of
from rollouts.gitops.project import permits_repository
from rollouts.gitops.source.address import shown
from rollouts.kit.canonical import sorted_json
from rollouts.kit.instant import Instant
from rollouts.kit.parts import part
from rollouts.kube import object as kube
from rollouts.kube.kinds import CRD
from rollouts.kube.ref import Manifest

REFRESH = "argocd.argoproj.io/refresh"
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Source:
    """What was asked of git and the renderers, and what they said.

    questions: what each source's revision means now; asked: their answers, in order.  revisions: those to render, empty
    while nobody knows them.  render: the question, None without revisions; rendered: its answer.
    error: why there is nothing, or nothing newer, to compare.  forbidden: why nobody may be asked at all.
    """

    sources: tuple[Mapping[str, Any], ...] = ()
    questions: tuple[tuple[str, GitResolve], ...] = ()
    asked: tuple[Answer | None, ...] = ()
    revisions: tuple[str, ...] = ()
    render: tuple[str, RenderManifests] | None = None
    rendered: Answer | None = None
    error: str = ""
    forbidden: str = ""

    @property
    def is_resolved(self) -> bool:
        """Whether every revision of this round is known, or known not to be."""
        return bool(self.questions) and all(answer is not None for answer in self.asked)

    @property
    def output(self) -> Rendered | None:
        """The render, where it is there."""
        value = self.rendered.value if self.rendered else None
        return value if isinstance(value, Rendered) else None


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf git is asked."""

    manifest: Manifest
    app: str
    project: str
    namespace: str
    permitted: tuple[str, ...] = ("*",)
    signed_by: tuple[str, ...] = ()
    nudged_at: Instant | None = None


def wished_refresh(manifest: Manifest, nudged_at: Instant | None) -> str:
    """`normal`, `hard` or "": whether somebody wants git to be looked at, by the annotation or by a push just told."""
    if word := str(kube.annotations(manifest).get(REFRESH) or ""):
        return word
    asked = Instant.parse(status_of(manifest).get("observedAt"))
    return "normal" if nudged_at is not None and (asked is None or asked < nudged_at) else ""


def without_refresh(manifest: Manifest) -> dict[str, Any]:
    """What takes the annotation away, empty where there is none."""
    return {"metadata": {"annotations": {REFRESH: None}}} if REFRESH in kube.annotations(manifest) else {}


def source_of(asker: Asker, running: Running | None, reader: Reader) -> Source:
    """What git and the renderers say for an Application, or for the sync of it that is under way."""
    sources = pinned_sources(asker.manifest, running)
    if said := _forbidden(asker, sources):  # a sync may name sources of its own, of which the spec's rules know nothing
        return Source(sources, forbidden=said)
    status, uid = status_of(asker.manifest), kube.uid(asker.manifest)
    if running is not None:
        wishes, room = running.wishes(sources), f"{uid}/op/{running.started_at}"
        known = running.revisions or _plain(wishes, sources)
    else:
        wishes = tuple(str(each.get("targetRevision") or "") for each in sources)
        room = f"{uid}/resolve/{status.get('observedAt') or ''}"
        known = compared_revisions(status, sources)
    refresh = wished_refresh(asker.manifest, asker.nudged_at)
    if running is None and refresh and asker.nudged_at:
        room += f"/{asker.nudged_at.micros}"  # what was asked before the push was told is no answer to it
    is_asked_for = running is not None or bool(refresh)
    questions = tuple(
        (f"{room}/{index}", _question(source, wish, asker.project, is_asked_for))
        for index, (source, wish) in enumerate(zip(sources, wishes, strict=True))
    )
    asked = tuple(reader.answer(ask_id) for ask_id, _ in questions)
    revisions, error = _revisions(asked, known, is_pinned=running is not None)
    if not revisions:
        return Source(sources, questions, asked, error=error)
    is_hard = running is None and refresh == "hard"
    defined = _defined(asker, reader) if _is_chart(asker.manifest, sources) else ()
    ask_id, question = _render(asker, sources, revisions, defined, is_hard)
    # A hard refresh does not read what was said before, so that it is forgotten.
    first = None if is_hard else reader.answer(ask_id)
    if not defined and _turned_out_a_chart(first) and (defined := _defined(asker, reader)):
        ask_id, question = _render(asker, sources, revisions, defined, is_hard)
        first = reader.answer(ask_id)
    is_over = running.retry_count > 0 if running else all(answer is not None for answer in asked)
    if is_hard or (first is not None and first.error and is_over):
        ask_id = f"{ask_id}/{running.sync_id if running else status.get('observedAt') or ''}"
        first = reader.answer(ask_id)
    failed = first.error if first is not None else ""
    return Source(sources, questions, asked, revisions, (ask_id, question), first, error or failed)


def _forbidden(asker: Asker, sources: tuple[Mapping[str, Any], ...]) -> str:
    """Which source the project does not permit, "" for none."""
    urls = (str(each.get("repoURL") or "") for each in sources)
    found = next((url for url in urls if not permits_repository(asker.permitted, url)), None)
    return "" if found is None else f"application repo {shown(found)} is not permitted in project '{asker.project}'"


def _render(
    asker: Asker,
    sources: tuple[Mapping[str, Any], ...],
    revisions: tuple[str, ...],
    defined: tuple[str, ...],
    fresh: bool,
) -> tuple[str, RenderManifests]:
    """The question what sources say at their revisions, and its id, which equal questions share."""
    question = RenderManifests(
        sources=sorted_json(list(sources)),
        revisions=revisions,
        app_name=asker.app,
        namespace=asker.namespace,
        project=asker.project,
        api_versions=defined,
        fresh=fresh,
        permitted=asker.permitted,
        signed_by=asker.signed_by,
    )
    named = (*defined, *asker.permitted, *asker.signed_by)
    words = "\0".join((question.sources, *revisions, question.namespace, question.project, *named))
    digest = hashlib.sha256(words.encode()).hexdigest()[:24]
    return f"{kube.uid(asker.manifest)}/render/{digest}", question


def _is_chart(manifest: Manifest, sources: tuple[Mapping[str, Any], ...]) -> bool:
    """Whether a source is known to be a chart."""
    status = status_of(manifest)
    types = (status.get("sourceType"), *(status.get("sourceTypes") or ()))
    return "Helm" in types or any(each.get("chart") or each.get("helm") is not None for each in sources)


def _turned_out_a_chart(answer: Answer | None) -> bool:
    value = answer.value if answer is not None else None
    return isinstance(value, Rendered) and "Helm" in value.source_types


def _defined(asker: Asker, reader: Reader) -> tuple[str, ...]:
    """The API versions that definitions of others add to the cluster, for charts, which may ask about them.

    Its own do not count: what a sync renders must not change because of what it brings.
    """
    found: set[str] = set()
    for each in reader.select(CRD, "", {}):
        own = Key(CRD.group, CRD.name, "", kube.name(each))
        if says(each, "Established") and tracking.owner(each, own) != asker.app:
            found.update(reader.parsed(each, _served))
    return tuple(sorted(found))


def _served(definition: Manifest) -> tuple[str, ...]:
    """`group/version` and `group/version/Kind` of what a definition defines."""
    served = wanted.kinds_of(definition)
    return (*(kind.api_version for kind in served), *(f"{kind.api_version}/{kind.name}" for kind in served))


def _plain(wishes: tuple[str, ...], sources: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    """The wishes, where all of them are commits already."""
    pairs = zip(wishes, sources, strict=True)
    return wishes if all(_SHA.fullmatch(wish) and not each.get("chart") for wish, each in pairs) else ()


def _question(source: Mapping[str, Any], wish: str, project_name: str, fresh: bool) -> GitResolve:
    return GitResolve(
        repo_url=str(source.get("repoURL") or ""),
        target_revision=wish,
        chart=str(source.get("chart") or ""),
        project=project_name,
        tag_prefix=str(source.get("tagPrefix") or ""),
        fresh=fresh,
    )


def _revisions(
    asked: tuple[Answer | None, ...], known: tuple[str, ...], *, is_pinned: bool
) -> tuple[tuple[str, ...], str]:
    """Which revisions count, and why there are no newer ones. Answers of one round count together or not at all."""
    if is_pinned and known:
        return known, ""
    if asked and all(answer is not None for answer in asked):
        if said := next((answer.error for answer in asked if answer and answer.error), ""):
            return known, said
        found = [answer.value for answer in asked if answer]
        if all(isinstance(each, Resolution) for each in found):
            return tuple(each.revision for each in found), ""
    return known, ""


def compared_revisions(status: Mapping[str, Any], sources: tuple[Mapping[str, Any], ...]) -> tuple[str, ...]:
    """The revisions that were compared last, if it was with these sources."""
    sync, compared = part(status, "sync"), part(status, "sync", "comparedTo")
    before = compared.get("sources") or ([compared["source"]] if compared.get("source") else [])
    revisions = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else [])
    if not is_told(before, sources) or len(revisions) != len(sources):
        return ()
    return tuple(str(each) for each in revisions)
