"""Applications as rows, trees and sentences: sync, health, differences, history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollouts.kit.parts import at, part
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import table
from rollouts.view.style import Role, State, Style, clean

DEPTH_MAX = 6
ENDED = frozenset({"Succeeded", "Failed", "Error"})
_STATES = {
    "Healthy": State.OK,
    "Progressing": State.PROGRESSING,
    "Suspended": State.PAUSED,
    "Missing": State.WARNING,
    "Degraded": State.BAD,
    "Synced": State.OK,
    "OutOfSync": State.WARNING,
    "Succeeded": State.OK,
    "Running": State.PROGRESSING,
    "Terminating": State.PROGRESSING,
    "Failed": State.BAD,
    "Error": State.BAD,
    "SyncFailed": State.BAD,
    "Pruned": State.NEUTRAL,
    "PruneSkipped": State.WARNING,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a face asks of an Application; everything is there even where its status is empty."""

    app: Manifest

    @property
    def spec(self) -> Mapping[str, Any]:
        """The wish."""
        return part(self.app, "spec")

    @property
    def status(self) -> Mapping[str, Any]:
        """What is told of it."""
        return part(self.app, "status")

    @property
    def sources(self) -> tuple[Mapping[str, Any], ...]:
        """Its sources."""
        return tuple(self.spec.get("sources") or ([self.spec["source"]] if self.spec.get("source") else ()))

    @property
    def sync(self) -> str:
        """Synced, OutOfSync or Unknown."""
        return str(at(self.status, "sync", "status") or "Unknown")

    @property
    def health(self) -> str:
        """The worst health."""
        return str(at(self.status, "health", "status") or "Unknown")

    @property
    def revisions(self) -> tuple[str, ...]:
        """What was compared last."""
        sync = part(self.status, "sync")
        return tuple(
            str(each) for each in sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else ())
        )

    @property
    def state(self) -> Mapping[str, Any]:
        """The latest operation."""
        return part(self.status, "operationState")

    @property
    def is_busy(self) -> bool:
        """Whether an operation is asked for or under way."""
        return bool(self.app.get("operation")) or str(self.state.get("phase") or "Succeeded") not in ENDED

    @property
    def is_automated(self) -> bool:
        """Whether it syncs by itself."""
        automated = at(self.spec, "syncPolicy", "automated")
        return isinstance(automated, Mapping) and automated.get("enabled") is not False

    @property
    def policy(self) -> str:
        """How it syncs, in words."""
        if not self.is_automated:
            return "Manual"
        automated = part(self.spec, "syncPolicy", "automated")
        return "Auto" + "".join(
            word for name, word in (("prune", "-Prune"), ("selfHeal", "-SelfHeal")) if automated.get(name)
        )

    @property
    def resources(self) -> tuple[Mapping[str, Any], ...]:
        """Its objects as status tells them."""
        return tuple(each for each in self.status.get("resources") or () if isinstance(each, Mapping))


def listing(apps: Iterable[Manifest], style: Style, *, namespaces: bool = False, wide: bool = False) -> list[str]:
    """Many Applications as one table."""
    lead = ("NAMESPACE",) if namespaces else ()
    more = ("REPO", "PATH", "TARGET") if wide else ()
    ordered = sorted(apps, key=lambda each: (obj.namespace(each), obj.name(each)))
    rows = [
        (*((clean(obj.namespace(app)),) if namespaces else ()), *_row(Facts(app), style), *(_wide(app) if wide else ()))
        for app in ordered
    ]
    return table.lines((*lead, "NAME", "PROJECT", "SYNC", "HEALTH", "POLICY", "REVISION", *more), rows)


def _row(facts: Facts, style: Style) -> tuple[str, ...]:
    return (
        clean(obj.name(facts.app)),
        clean(facts.spec.get("project") or "default"),
        status(style, facts.sync),
        status(style, facts.health),
        facts.policy,
        clean(short(facts.revisions[0]) if facts.revisions else "-"),
    )


def _wide(app: Manifest) -> tuple[str, ...]:
    source = next(iter(Facts(app).sources), {})
    where = source.get("path") or source.get("chart") or "-"
    return _shown(source.get("repoURL")), clean(where), clean(source.get("targetRevision") or "HEAD")


def status(style: Style, word: object) -> str:
    """Icon and word of a sync, health or operation status."""
    text = clean(word or "Unknown")
    return style.status(_STATES.get(text, State.UNKNOWN), text)


def short(revision: object) -> str:
    """A commit's first seven signs; a version as it is."""
    text = str(revision)
    return text[:7] if len(text) >= 40 and all(sign in "0123456789abcdef" for sign in text) else text


def page(app: Manifest, children: Sequence[Manifest], style: Style) -> list[str]:
    """One Application: what it is, how it is, and its objects as a tree."""
    facts = Facts(app)
    destination = part(facts.spec, "destination")
    lines = [f"{name + ':':15}{value}" for name, value in _head(facts, destination, style)]
    for condition in facts.status.get("conditions") or ():
        kind = clean(condition.get("type"))
        role = Role.BAD if kind.endswith("Error") else Role.CANARY
        lines.append(style.paint(f"{kind}: {clean(condition.get('message'))}", role))
    return [*lines, "", *tree(app, children, style)]


def _head(facts: Facts, destination: Mapping[str, Any], style: Style) -> Iterable[tuple[str, str]]:
    yield "Name", clean(f"{obj.namespace(facts.app)}/{obj.name(facts.app)}")
    yield "Project", clean(facts.spec.get("project") or "default")
    yield (
        "Destination",
        clean(f"{destination.get('server') or destination.get('name')} {destination.get('namespace', '')}"),
    )
    for source in facts.sources:
        where = source.get("path") or source.get("chart") or ""
        target = source.get("targetRevision") or "HEAD"
        yield "Source", f"{_shown(source.get('repoURL'))} {clean(where)} at {clean(target)}".replace("  ", " ")
    yield "Sync policy", facts.policy
    told = f" at {', '.join(clean(short(each)) for each in facts.revisions)}" if facts.revisions else ""
    yield "Sync", status(style, facts.sync) + told
    message = clean(at(facts.status, "health", "message") or "")
    yield "Health", status(style, facts.health) + (f" {message}" if message else "")
    for url in part(facts.status, "summary").get("externalURLs") or ():
        yield "URL", clean(url)
    if phase := facts.state.get("phase"):
        yield "Operation", f"{status(style, phase)} {clean(facts.state.get('message') or '')}".rstrip()


def tree(app: Manifest, children: Sequence[Manifest], style: Style) -> list[str]:
    """The Application's objects, and below each what it owns."""
    facts, glyphs = Facts(app), style.glyphs
    lines = [f"{clean(obj.name(app))}  {status(style, facts.sync)}  {status(style, facts.health)}"]
    owned: dict[tuple[str, str, str], list[Manifest]] = {}
    for child in children:
        for owner in child["metadata"].get("ownerReferences") or ():
            key = (obj.namespace(child), str(owner.get("kind")), str(owner.get("name")))
            owned.setdefault(key, []).append(child)
    rows = sorted(facts.resources, key=_wave)
    for index, row in enumerate(rows):
        last = index == len(rows) - 1
        lines.append(f"{glyphs.last if last else glyphs.fork} {_resource(row, style)}")
        key = (str(row.get("namespace") or ""), str(row.get("kind")), str(row.get("name")))
        lines += _below(key, owned, style, glyphs.gap if last else glyphs.bar)
    return lines


def _wave(row: Mapping[str, Any]) -> tuple[int, str, str]:
    return int(row.get("syncWave") or 0), str(row.get("kind")), str(row.get("name"))


def _below(
    key: tuple[str, str, str], owned: Mapping[tuple[str, str, str], list[Manifest]], style: Style, indent: str
) -> list[str]:
    """What an object owns, at most DEPTH_MAX levels down."""
    lines: list[str] = []
    todo = [(child, indent, index == 0) for index, child in enumerate(reversed(owned.get(key, ())))]
    while todo:
        child, before, last = todo.pop()
        phase = at(child, "status", "phase")
        kind, name = str(child.get("kind") or ""), obj.name(child)
        word = f"  {clean(phase)}" if phase else ""
        lines.append(f"{before}{style.glyphs.last if last else style.glyphs.fork} {clean(kind)}/{clean(name)}{word}")
        if len(before) > len(style.glyphs.bar) * DEPTH_MAX:
            continue
        inner = before + (style.glyphs.gap if last else style.glyphs.bar)
        deeper = owned.get((obj.namespace(child), kind, name), ())
        todo += [(each, inner, index == 0) for index, each in enumerate(reversed(deeper))]
    return lines


def _resource(row: Mapping[str, Any], style: Style) -> str:
    health = part(row, "health")
    words = [f"{clean(row.get('kind'))}/{clean(row.get('name'))}", _status(row, style)]
    if health.get("status"):
        words.append(status(style, health["status"]))
    if row.get("requiresPruning"):
        words.append("(to be pruned)")
    if health.get("message"):
        words.append(clean(health["message"]))
    if row.get("syncWave"):
        words.append(f"wave {row['syncWave']}")
    return "  ".join(words)


def _status(row: Mapping[str, Any], style: Style) -> str:
    return "hook" if row.get("hook") else status(style, row.get("status"))


def resources(app: Manifest, style: Style) -> list[str]:
    """The objects as a table."""
    rows = [
        (
            clean(each.get("group") or ""),
            clean(each.get("kind")),
            clean(each.get("namespace") or ""),
            clean(each.get("name")),
            _status(each, style),
            status(style, at(each, "health", "status")) if each.get("health") else "-",
        )
        for each in Facts(app).resources
    ]
    return table.lines(("GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH"), rows)


def differences(app: Manifest, style: Style) -> list[str]:
    """Every difference with its path, git's value, the live one, and who wrote that when; empty where there is none."""
    lines: list[str] = []
    for row in Facts(app).resources:
        if row.get("status") != "OutOfSync":
            continue
        parts = (row.get(name) for name in ("group", "kind", "namespace", "name"))
        lines.append(f"===== {'/'.join(clean(each) for each in parts if each)} =====")
        if row.get("requiresPruning"):
            lines.append(style.paint("- is in the cluster and not in git: to be pruned", Role.BAD))
        elif not row.get("differences"):
            lines.append(style.paint("+ is in git and not in the cluster", Role.STABLE))
        lines += [line for each in row.get("differences") or () for line in difference(each, style)]
    return lines


def difference(row: Mapping[str, Any], style: Style) -> list[str]:
    """One difference on up to three lines."""
    by = (
        f" ({clean(row['manager'])}{', ' + clean(row['time']) if row.get('time') else ''})"
        if row.get("manager")
        else ""
    )
    lines = [f"  {clean(row.get('path'))}{by}"]
    if row.get("live"):
        lines.append(style.paint(f"  - {clean(row['live'])}", Role.BAD))
    if row.get("git"):
        lines.append(style.paint(f"  + {clean(row['git'])}", Role.STABLE))
    return lines


def history(app: Manifest) -> list[str]:
    """What was synced, the latest first."""
    rows = []
    for each in reversed(Facts(app).status.get("history") or ()):
        by = part(each, "initiatedBy")
        revisions = each.get("revisions") or [each.get("revision") or ""]
        who = str(by.get("username") or ("automated" if by.get("automated") else "-"))
        shown = ", ".join(clean(one) for one in revisions)
        rows.append((str(each.get("id")), clean(each.get("deployedAt") or ""), clean(who), shown))
    return table.lines(("ID", "DATE", "BY", "REVISION"), rows)


def results(app: Manifest) -> tuple[Mapping[str, Any], ...]:
    """What the latest operation did so far, object by object."""
    return tuple(at(Facts(app).state, "syncResult", "resources") or ())


def result(row: Mapping[str, Any], style: Style) -> str:
    """One of those as a line."""
    name = f"{clean(row.get('kind'))}/{clean(row.get('name'))}"
    what = row.get("hookPhase") if row.get("hookType") else row.get("status")
    hook = f" ({clean(row['hookType'])})" if row.get("hookType") else ""
    return f"{name}{hook}  {status(style, what)}  {clean(row.get('message') or '')}".rstrip()


def progress(app: Manifest, style: Style) -> list[str]:
    """A line for each object whose turn has come, then what the operation waits for."""
    facts = Facts(app)
    message = clean(facts.state.get("message") or "")
    return [*(result(row, style) for row in results(app)), *([message] if facts.is_busy and message else ())]


def _shown(url: object) -> str:
    """An address without user and password."""
    text = clean(url or "")
    scheme, found, rest = text.partition("://")
    if not found:
        return text
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
