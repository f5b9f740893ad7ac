"""Every object of an application, as git wants it and as it is: what differs, what must go, how it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollouts.gitops import tracking
from rollouts.gitops.diff import ignore
from rollouts.gitops.diff.compare import Change, changes
from rollouts.gitops.diff.ignore import Place, Rule
from rollouts.gitops.health.model import Health, Status
from rollouts.gitops.health.table import Check, assess, counts, worst
from rollouts.gitops.hooks import wave_or_zero
from rollouts.gitops.keys import Key
from rollouts.gitops.options import COMPARE_OPTIONS, of_object
from rollouts.gitops.wanted import Desired, Wanted
from rollouts.kube.ref import Kind, Manifest, Ref

SYNCED, OUT_OF_SYNC, UNKNOWN = "Synced", "OutOfSync", "Unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One object. wanted: None for one that left git.  kept: places where the live object's word stands in a sync.

    is_known: whether the cache can tell about its kind.
    """

    key: Key
    version: str
    kind: Kind | None
    wanted: Wanted | None
    live: Manifest | None
    changes: tuple[Change, ...] = ()
    kept: tuple[Place, ...] = ()
    health: Health | None = None
    is_known: bool = True

    @property
    def status(self) -> str:
        """Synced, OutOfSync or Unknown."""
        if not self.is_known:
            return UNKNOWN
        return OUT_OF_SYNC if self.wanted is None or self.live is None or self.changes else SYNCED

    @property
    def counts(self) -> bool:
        """Whether its status counts for the application's; an extraneous object may be told not to."""
        if self.wanted is None and self.live is not None:
            return not of_object(self.live, COMPARE_OPTIONS).is_on("IgnoreExtraneous")
        return True

    @property
    def wave(self) -> int:
        """The wave it belongs to."""
        if self.wanted is not None:
            return self.wanted.wave
        return wave_or_zero(self.live) if self.live is not None else 0

    @property
    def ref(self) -> Ref | None:
        """The object in the cluster."""
        return Ref(self.kind, self.key.namespace, self.key.name) if self.kind else None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a comparison needs to know beside the objects. unknown: kinds that the cache cannot tell about."""

    app: str
    live: Mapping[Key, Manifest]
    unknown: Mapping[Kind, str]
    rules: tuple[Rule, ...]
    controllers: tuple[Rule, ...]
    checks: Mapping[tuple[str, str], Check]
    respects_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows."""

    rows: tuple[Row, ...]

    @property
    def status(self) -> str:
        """Synced, OutOfSync or Unknown, for the application."""
        if any(row.status == UNKNOWN for row in self.rows):
            return UNKNOWN
        return OUT_OF_SYNC if any(row.status == OUT_OF_SYNC and row.counts for row in self.rows) else SYNCED

    @property
    def health(self) -> Health:
        """The worst health."""
        wanted = [row for row in self.rows if row.wanted is not None and counts(row.live)]
        return worst((row.key, row.health) for row in wanted)

    def row(self, key: Key) -> Row | None:
        """The row of an object."""
        return next((row for row in self.rows if row.key == key), None)


def compare(desired: Desired, gone: Iterable[tuple[Key, str, Kind]], around: Surroundings) -> Comparison:
    """Rows for what git wants, then for what was once ours, is still there and has left git.

    gone: keys, versions and kinds of the inventory that git does not want.
    """
    rows = [_wanted(one, around) for one in desired.plain]
    for key, version, kind in gone:
        live = around.live.get(key)
        if kind in around.unknown:
            # What cannot be seen may still be there: it is remembered until somebody can tell.
            rows.append(Row(key, version, kind, None, None, health=Health(Status.UNKNOWN), is_known=False))
        elif live is not None and tracking.is_ours(live, key, around.app):
            health = assess(key, live, around.checks)
            rows.append(Row(key, version, kind, None, live, health=health))
    return Comparison(tuple(rows))


def _wanted(one: Wanted, around: Surroundings) -> Row:
    live = around.live.get(one.key)
    is_known = one.kind not in around.unknown
    if live is None:
        health = Health(Status.MISSING) if is_known else Health(Status.UNKNOWN, around.unknown.get(one.kind, ""))  # type: ignore[arg-type]  # in it
        return Row(one.key, one.version, one.kind, one, None, health=health, is_known=is_known)
    places = ignore.ignored(around.rules, one.key, one.manifest, live)
    managed = ignore.ignored(around.controllers, one.key, one.manifest, live)
    found = changes(*_cut(one.manifest, live, (*places, *managed)))
    return Row(
        one.key,
        one.version,
        one.kind,
        one,
        live,
        changes=found,
        kept=(*managed, *(places if around.respects_ignored else ())),
        health=assess(one.key, live, around.checks),
        is_known=is_known,
    )


def _cut(wanted: Manifest, live: Manifest, places: Sequence[Place]) -> tuple[Manifest, Manifest]:
    if not places:
        return wanted, live
    return ignore.without(wanted, places), ignore.without(live, places)
