"""What may go wrong, as values: each fault names the moment that it strikes, so that a failing run can be shrunk.

A fault strikes at an API call (by its ordinal in the run), at a watch event (by its ordinal), at an ask (by its
ordinal), or at an instant (milliseconds since the start). The same faults on the same script give the same run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from random import Random

from rollouts.kube import kinds


class Moment(Enum):
    """What a fault's `at` counts."""

    CALL = "call"
    EVENT = "event"
    ASK = "ask"
    MILLISECOND = "ms"


class What(Enum):
    """Every kind of fault: its name, and what its `at` counts."""

    CRASH_BEFORE = ("crash before the request leaves", Moment.CALL)
    CRASH_COMMITTED = ("crash after the commit, before the response", Moment.CALL)
    CRASH_AFTER = ("crash after the response", Moment.CALL)
    LOST_REQUEST = ("the request is lost", Moment.CALL)
    LOST_RESPONSE = ("committed, but the response is lost", Moment.CALL)
    CONFLICT = ("409", Moment.CALL)
    NOT_FOUND = ("404", Moment.CALL)
    THROTTLED = ("429 with Retry-After", Moment.CALL)
    UNAUTHORIZED = ("401: the token has run out", Moment.CALL)
    FORBIDDEN = ("403: a right was taken away", Moment.CALL)
    INVALID = ("422: an admission webhook will not have it", Moment.CALL)
    ERROR = ("500", Moment.CALL)
    UNAVAILABLE = ("503", Moment.CALL)
    UNKNOWN = ("committed, but answered 504", Moment.CALL)
    SLOW = ("the request takes long", Moment.CALL)
    LATE = ("a watch event comes late", Moment.EVENT)
    TWICE = ("a watch event comes twice", Moment.EVENT)
    ASK_ERROR = ("the metrics source answers 500", Moment.ASK)
    ASK_GARBAGE = ("the metrics source answers nonsense", Moment.ASK)
    ASK_SLOW = ("the metrics source answers late", Moment.ASK)
    STALL = ("a watch goes silent", Moment.MILLISECOND)
    RELIST = ("410: a kind is listed again, its events unseen", Moment.MILLISECOND)
    OUTAGE = ("every call is refused with 503", Moment.MILLISECOND)
    CRASH = ("the controller is killed", Moment.MILLISECOND)
    FREEZE = ("the leader is stopped beyond its lease, then goes on", Moment.MILLISECOND)
    CUT_OFF = ("the leader has no network", Moment.MILLISECOND)
    DEPOSED = ("the lease is taken from the leader", Moment.MILLISECOND)
    TWO_LEADERS = ("a second leader, of whom the first has not heard", Moment.MILLISECOND)
    CLOCK_SET = ("somebody sets the clock of the leader's machine", Moment.MILLISECOND)
    FOREIGN = ("somebody annotates an object of ours", Moment.MILLISECOND)
    DRIFT = ("somebody changes a weight of ours", Moment.MILLISECOND)
    HAND = ("somebody edits an object of ours by hand", Moment.MILLISECOND)
    POD = ("a pod dies", Moment.MILLISECOND)

    def __init__(self, words: str, moment: Moment) -> None:
        self.words = words
        self.moment = moment


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. amount_s: how long, where that means something.  about: a kind's name, or an ordinal as text."""

    what: What
    at: int
    amount_s: float = 0.0
    about: str = ""

    def __str__(self) -> str:
        size = f", {self.amount_s:g} s" if self.amount_s else ""
        about = f" ({self.about})" if self.about else ""
        return f"at {self.what.moment.value} {self.at}: {self.what.words}{about}{size}"


@dataclass(frozen=True, slots=True)
class Weather:
    """How quick this world is. lag_s: from commit to watch event by kind name; latency_s: of one way of a call.

    skews_s: how far the clocks of the machines are off on which one process after the other starts.
    """

    latency_s: float = 0.001
    lag_s: Mapping[str, float] | None = None
    lag_default_s: float = 0.002
    restart_s: float = 1.0
    set_lag_s: float = 0.0
    pod_ready_s: float = 0.5
    standby: bool = False
    skews_s: tuple[float, ...] = (0.0,)
    seed: int = 0

    def lag_of(self, kind: str) -> float:
        """The watch lag of a kind."""
        return (self.lag_s or {}).get(kind, self.lag_default_s)


CALM = Weather()
LEADERS = frozenset(
    {What.CRASH, What.FREEZE, What.CUT_OFF, What.DEPOSED, What.TWO_LEADERS, What.CLOCK_SET}
)  # what happens to whoever leads
CRASHES = (What.CRASH_BEFORE, What.CRASH_COMMITTED, What.CRASH_AFTER)
_WATCHED = tuple(
    kind.name
    for kind in (
        kinds.ROLLOUT,
        kinds.REPLICA_SET,
        kinds.SERVICE,
        kinds.INGRESS,
        kinds.ANALYSIS_RUN,
        kinds.ANALYSIS_TEMPLATE,
    )
)
# HAND and ASK_GARBAGE have tables of their own: not every story ends the same after every one of them.
_SWARM: tuple[tuple[tuple[What, ...], int], ...] = (
    (CRASHES, 3),
    ((What.LOST_REQUEST, What.LOST_RESPONSE, What.UNKNOWN), 5),
    ((What.CONFLICT, What.NOT_FOUND), 5),
    ((What.THROTTLED, What.ERROR, What.UNAVAILABLE), 6),
    ((What.UNAUTHORIZED, What.FORBIDDEN, What.INVALID), 4),
    ((What.SLOW,), 3),
    ((What.LATE, What.TWICE), 12),
    ((What.STALL, What.RELIST), 5),
    ((What.OUTAGE,), 1),
    ((What.FREEZE, What.CRASH, What.CUT_OFF, What.DEPOSED, What.TWO_LEADERS), 2),
    ((What.CLOCK_SET,), 2),
    ((What.FOREIGN, What.DRIFT), 6),
    ((What.POD,), 2),
    ((What.ASK_ERROR, What.ASK_SLOW), 3),
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens in the fault-free run of a script: where faults can strike."""

    calls: int
    events: int
    asks: int
    duration_ms: int


ANSWERS = (
    What.LOST_REQUEST,
    What.LOST_RESPONSE,
    What.UNKNOWN,
    What.CONFLICT,
    What.NOT_FOUND,
    What.THROTTLED,
    What.UNAUTHORIZED,
    What.FORBIDDEN,
    What.INVALID,
    What.ERROR,
    What.UNAVAILABLE,
)
MATRICES = ("crashes", "answers", "events", "lists")


def every(matrix: str, size: Size) -> Iterable[Fault]:
    """One fault at every place where it can strike.

    crashes: at every API call, before the request, after the commit, after the response.  answers: every call lost or
    refused in every way.  events: every watch event late, or twice.  lists: each kind listed anew at every second.
    """
    if matrix in ("crashes", "answers"):
        for call in range(1, size.calls + 1):
            for what in CRASHES if matrix == "crashes" else ANSWERS:
                yield Fault(what, call, 2.0 if what is What.THROTTLED else 0.0)
    elif matrix == "events":
        for event in range(1, size.events + 1):
            yield Fault(What.LATE, event, 3.0)
            yield Fault(What.TWICE, event, 1.0)
    else:
        for second in range(size.duration_ms // 1000 + 1):
            for kind in _WATCHED:
                yield Fault(What.RELIST, second * 1000 + 17, 1.0, kind)


def draw(seed: int, size: Size) -> tuple[Weather, tuple[Fault, ...]]:
    """The weather and the faults of a seed: each class of faults is on or off, and strikes a few times if on."""
    random = Random(seed)  # noqa: S311 - a simulation must be repeatable, not secret
    lags = {kind: random.choice((0.001, 0.01, 0.05, 0.2, 1.0)) for kind in _WATCHED}
    faults: list[Fault] = []
    for whats, times in _SWARM:
        if random.random() < 0.5:
            faults += (_one(random, random.choice(whats), size) for _ in range(random.randint(1, times)))
    weather = Weather(
        latency_s=random.choice((0.0005, 0.002, 0.02)),
        lag_s=lags,
        restart_s=random.choice((0.5, 2.0, 20.0)),
        set_lag_s=random.choice((0.0, 0.01, 0.3)),
        pod_ready_s=random.choice((0.1, 0.5, 3.0)),
        standby=any(fault.what in LEADERS - {What.CRASH} for fault in faults) or random.random() < 0.2,
        skews_s=random.choice(((0.0,), (0.0,), (0.0, 0.7, -0.7), (3600.0, -3600.0, 0.0), (-5.0, 0.0, 5.0))),
        seed=seed,
    )
    return weather, tuple(faults)


def _one(random: Random, what: What, size: Size) -> Fault:
    top = {
        Moment.CALL: size.calls,
        Moment.EVENT: size.events,
        Moment.ASK: max(size.asks, 1),
        Moment.MILLISECOND: size.duration_ms,
    }[what.moment]
    at = random.randint(1, max(top, 1))
    match what:
        case What.STALL:
            return Fault(what, at, random.choice((0.5, 5.0, 70.0)), random.choice(_WATCHED))
        case What.RELIST:
            return Fault(what, at, random.choice((0.01, 1.0, 5.0)), random.choice(_WATCHED))
        case What.THROTTLED:
            return Fault(what, at, random.choice((1.0, 5.0)))
        case What.SLOW | What.LATE | What.TWICE:
            return Fault(what, at, random.choice((0.05, 0.5, 3.0)))
        case What.OUTAGE:
            return Fault(what, at, random.choice((1.0, 10.0, 60.0)))
        case What.HAND:
            return Fault(what, at, about=str(random.randint(0, 99)))
        case What.CUT_OFF:
            return Fault(what, at, random.choice((1.0, 9.0, 30.0)))
        case What.TWO_LEADERS:
            return Fault(what, at, random.choice((0.5, 5.0, 30.0)))
        case What.CLOCK_SET:
            return Fault(what, at, random.choice((3600.0, -3600.0, 1.5, -1.5)))
        case What.FREEZE:
            return Fault(what, at, random.choice((20.0, 40.0)))
        case What.ASK_SLOW:
            return Fault(what, at, random.choice((1.0, 8.0)))
        case What.FOREIGN | What.DRIFT | What.POD | What.ASK_GARBAGE:
            return Fault(what, at, about=str(random.randint(0, 7)))
        case _:
            return Fault(what, at)
