"""Sync windows: may this application sync now, and when does that change?

Source: the contract's rules. A window opens at each firing of its schedule and stays open for its duration. No window
for an application: always allowed. A denying window that is open forbids. Where some window allows, one must be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.api.project import SyncWindow
from rollouts.gitops.destination import Cluster
from rollouts.kit import cron, glob
from rollouts.kit.instant import Instant

DAY_S = 86_400.0
OPENINGS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a window is open without a break."""

    opens: Instant
    closes: Instant


@dataclass(frozen=True, slots=True)
class Verdict:
    """May it sync?

    automated, manual: whether each kind of sync may begin.  overrun: whether a sync under way may go on.
    changes_at: the next moment at which the answer may be another one.  reason: who forbids, for people.
    """

    automated: bool = True
    manual: bool = True
    overrun: bool = True
    changes_at: Instant | None = None
    reason: str = ""

    def allows(self, *, is_automated: bool) -> bool:
        """Whether a sync of that kind may begin."""
        return self.automated if is_automated else self.manual


def problem(window: SyncWindow) -> str:
    """What is wrong with a window, "" where nothing is."""
    if window.kind not in ("allow", "deny"):
        return f"kind {window.kind!r} is neither allow nor deny"
    try:
        cron.check(window.schedule, window.time_zone)
    except cron.CronError as error:
        return str(error)
    return "" if duration_s(window) > 0 else f"{window.duration!r} is no duration above zero"


def duration_s(window: SyncWindow) -> float:
    """How long one opening lasts, in seconds; 0 where that cannot be read."""
    try:
        return max(0.0, parse_s(window.duration))
    except (AnalysisError, ValueError):
        return 0.0


def is_for(window: SyncWindow, app: str, namespace: str, cluster: Cluster) -> bool:
    """Whether a window speaks of an application: any of its lists names it, or with andOperator each that is given."""
    said = [
        any(glob.matches(each, app) for each in window.applications) if window.applications else None,
        any(glob.matches(each, namespace) for each in window.namespaces) if window.namespaces else None,
        any(glob.matches(each, name) for each in window.clusters for name in (cluster.server, cluster.name))
        if window.clusters
        else None,
    ]
    given = [each for each in said if each is not None]
    if not given:
        return False
    return all(given) if window.use_and_operator else any(given)


def open_span(window: SyncWindow, now: Instant) -> Span | None:
    """Since when and until when a window is open now; openings that overlap are one. None: it is shut."""
    length_s = duration_s(window)
    opens = closes = None
    for fired in cron.until(window.schedule, window.time_zone, now):
        end = fired.plus(length_s)
        if opens is None:
            if end <= now:
                return None
            opens, closes = fired, end
        elif end >= opens:
            opens = fired
        else:
            break
        if now.since(opens) > 2 * DAY_S:
            break  # open for so long is open for ever
    if opens is None or closes is None:
        return None
    return Span(opens, _last_close(window, now, closes))


def _last_close(window: SyncWindow, now: Instant, closes: Instant) -> Instant:
    length_s = duration_s(window)
    for count, fired in enumerate(cron.after(window.schedule, window.time_zone, now)):
        if fired > closes or count >= OPENINGS_MAX:
            break
        closes = fired.plus(length_s)
    return closes


def next_spans(window: SyncWindow, now: Instant, count: int) -> tuple[Span, ...]:
    """The next times in which a window is open, one under way included, for people and lint."""
    found: list[Span] = []
    here = open_span(window, now)
    at = now
    if here is not None:
        found.append(here)
        if is_endless(window, here):
            return tuple(found)
        at = here.closes
    while len(found) < count:
        fired = next(cron.after(window.schedule, window.time_zone, at), None)
        if fired is None:
            break
        span = Span(fired, _last_close(window, fired, fired.plus(duration_s(window))))
        found.append(span)
        if is_endless(window, span):
            break
        at = span.closes
    return tuple(found)


def is_endless(window: SyncWindow, span: Span) -> bool:
    """Whether the end of a span is only as far as was looked: the window is open then too."""
    return open_span(window, span.closes) is not None


def verdict(windows: Iterable[SyncWindow], now: Instant) -> Verdict:
    """What the windows that speak of an application say now. A window that cannot be read forbids: better wait."""
    mine = tuple(windows)
    broken = [each for each in mine if problem(each)]
    if broken:
        why = f"sync window {broken[0].schedule!r} cannot be read: {problem(broken[0])}"
        return Verdict(automated=False, manual=broken[0].manual_sync, overrun=False, reason=why)
    spans = [open_span(each, now) for each in mine]
    changes = [span.closes for span in spans if span] + [
        fired
        for each, span in zip(mine, spans, strict=True)
        if span is None
        for fired in [next(cron.after(each.schedule, each.time_zone, now), None)]
        if fired is not None
    ]
    soonest = min(changes, default=None)
    denying = [each for each, span in zip(mine, spans, strict=True) if each.kind == "deny" and span]
    allowing = [each for each in mine if each.kind == "allow"]
    if denying:
        return _forbidden(denying, soonest, "a denying sync window is open")
    if allowing and not any(span for each, span in zip(mine, spans, strict=True) if each.kind == "allow"):
        return _forbidden(allowing, soonest, "no allowing sync window is open")
    return Verdict(changes_at=soonest)


def _forbidden(by: Sequence[SyncWindow], soonest: Instant | None, reason: str) -> Verdict:
    told = f"{reason}: {by[0].kind} {by[0].schedule!r} for {by[0].duration}"
    words = f"{told} ({by[0].description})" if by[0].description else told
    denies = by[0].kind == "deny"
    check = all if denies else any  # each denying window must let people through; one allowing window is enough
    return Verdict(
        automated=False,
        manual=check(each.manual_sync for each in by),
        overrun=check(each.sync_overrun for each in by),
        changes_at=soonest,
        reason=words,
    )


def surprise(window: SyncWindow, spans: Iterable[Span]) -> str:
    """The trap of an hour range with a duration, "" where it is none: every hour opens the window anew."""
    found = tuple(spans)
    if any(is_endless(window, span) for span in found):
        return "it opens again while it is open, and so never closes"
    longest_s = max((span.closes.since(span.opens) for span in found), default=0.0)
    if longest_s <= duration_s(window) + 1:
        return ""
    fields = window.schedule.split()
    mend = ""
    if len(fields) == 5 and "-" in fields[1]:
        mend = f"; to open once a day write {' '.join([fields[0], fields[1].split('-')[0], *fields[2:]])!r}"
    stretch = f"{longest_s / 3600:g} h at a stretch, not {window.duration}"
    return f"it opens again while it is open, and so stays open for {stretch}{mend}"
