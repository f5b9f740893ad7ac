"""A timeline as a picture: the canary's weight as stairs, pauses, aborts, and each measurement as a dot below.

A picture is a list of shapes; `svg` writes them as text, other faces may draw them otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from statistics import median
from typing import TypeAlias, assert_never

from rollouts.kit.instant import Instant
from rollouts.view.style import clean
from rollouts.view.timeline import Moment

WIDTH, LEFT, RIGHT, TOP = 960, 64, 24, 64
STAIRS, ROW = 200, 22
METRICS_MAX = 12
TEXT_MAX = 60
GAP_TIMES_MAX, GAP_S_MIN = 6.0, 5.0

INK, FAINT, GRID, PAPER = "#24292f", "#6e7781", "#d0d7de", "#ffffff"
CANARY, PAUSE, BAD, GOOD = "#d29922", "#f6e7c1", "#cf222e", "#1a7f37"
_DOTS = {"Successful": GOOD, "Failed": BAD, "Error": "#8250df", "Inconclusive": FAINT}


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle, with words for who points at it."""

    x: float
    y: float
    radius: float
    colour: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; x and y are its left end and its base line."""

    x: float
    y: float
    text: str
    colour: str = INK
    size: int = 12


Shape: TypeAlias = Box | Line | Dot | Label


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes in the order in which they are drawn."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


def picture(title: str, moments: Sequence[Moment], *, total: int = 100) -> Picture:
    """The picture of a timeline. total: the weight that means all traffic."""
    assert moments, "there is always the present"
    axis = Axis.of([moment.at for moment in moments])
    metrics = list(dict.fromkeys(moment.metric for moment in moments if moment.metric))[:METRICS_MAX]
    base = TOP + STAIRS
    shapes: list[Shape] = [*_paper(title, moments, total)]
    shapes += _pauses(moments, axis)
    shapes += _grid(total)
    shapes += _turns(moments, axis)
    shapes += _stairs(moments, axis, total)
    shapes += _steps(moments, axis)
    for row, metric in enumerate(metrics):
        shapes += _measured(metric, moments, axis, base + 44 + row * ROW)
    height = base + 44 + len(metrics) * ROW + 16
    return Picture(WIDTH, height, (Box(0, 0, WIDTH, height, PAPER), *shapes))


@dataclass(frozen=True, slots=True)
class Axis:
    """Time from left to right; long spans in which nothing happens are cut short, so that an update keeps its room."""

    known: tuple[Instant, ...]
    places: tuple[float, ...]

    @classmethod
    def of(cls, instants: Sequence[Instant]) -> Axis:
        """The axis on which these instants have their place."""
        known = tuple(sorted(set(instants)))
        gaps = [after.since(before) for before, after in pairwise(known)]
        cap_s = max(GAP_S_MIN, GAP_TIMES_MAX * median(gaps)) if gaps else GAP_S_MIN
        at, places = 0.0, [0.0]
        for gap_s in gaps:
            at += min(gap_s, cap_s)
            places.append(at)
        room = WIDTH - LEFT - RIGHT
        return cls(known, tuple(LEFT + (place * room / at if at else 0.0) for place in places))

    def x(self, instant: Instant) -> float:
        """Where an instant is."""
        return self.places[self.known.index(instant)]


def _paper(title: str, moments: Sequence[Moment], total: int) -> Iterator[Shape]:
    yield Label(LEFT, 24, clean(title), size=16)
    yield Label(LEFT, 42, f"{moments[0].at.rfc3339_whole()} to {moments[-1].at.rfc3339_whole()}", FAINT)


def _grid(total: int) -> Iterator[Shape]:
    for share in (0, 25, 50, 75, 100):
        y = _y(share * total / 100, total)
        yield Line(LEFT, y, WIDTH - RIGHT, y, GRID)
        yield Label(16, y + 4, f"{share} %", FAINT, 11)


def _y(weight: float, total: int) -> float:
    return TOP + STAIRS - min(weight, total) * STAIRS / total


def _pauses(moments: Sequence[Moment], axis: Axis) -> Iterator[Shape]:
    began: Instant | None = None
    for moment in moments:
        if moment.what == "paused":
            began = began or moment.at
        elif began is not None and moment.what in ("resumed", "aborted", "completed", "revision", "step", "now"):
            yield Box(axis.x(began), TOP, max(1.0, axis.x(moment.at) - axis.x(began)), STAIRS, PAUSE)
            began = None


def _turns(moments: Sequence[Moment], axis: Axis) -> Iterator[Shape]:
    """Where a revision begins, ends well, or is given up."""
    colours = {"revision": FAINT, "aborted": BAD, "completed": GOOD}
    for moment in moments:
        if moment.what in colours:
            x = axis.x(moment.at)
            yield Line(x, TOP - 8, x, TOP + STAIRS, colours[moment.what], 1.5)
            word = f"r{moment.revision}" if moment.what == "revision" else moment.what
            yield Label(x + 3, TOP - 10 if moment.what == "revision" else TOP + 12, word, colours[moment.what], 11)


def _stairs(moments: Sequence[Moment], axis: Axis, total: int) -> Iterator[Shape]:
    weight, x = 0, axis.x(moments[0].at)
    for moment in moments:
        now, y = axis.x(moment.at), _y(weight, total)
        yield Line(x, y, now, y, CANARY, 2.5)
        if moment.weight is not None and moment.weight != weight:
            yield Line(now, y, now, _y(moment.weight, total), CANARY, 2.5)
            yield Label(now + 3, _y(moment.weight, total) - 4, str(moment.weight), CANARY, 11)
            weight = moment.weight
        x = now


def _steps(moments: Sequence[Moment], axis: Axis) -> Iterator[Shape]:
    y, latest = TOP + STAIRS + 14, -20.0
    for moment in moments:
        if moment.what == "step" and moment.step is not None:
            x = axis.x(moment.at)
            yield Line(x, TOP + STAIRS, x, TOP + STAIRS + 5, INK)
            if x - latest >= 14:  # numbers that would lie on one another are left out
                yield Label(x - 3, y + 2, str(moment.step), INK, 11)
                latest = x
    yield Label(16, y + 2, "steps", FAINT, 11)


def _measured(metric: str, moments: Sequence[Moment], axis: Axis, y: float) -> Iterator[Shape]:
    yield Line(LEFT, y, WIDTH - RIGHT, y, GRID)
    yield Label(LEFT, y - 6, clean(metric)[:TEXT_MAX], FAINT, 11)
    for moment in moments:
        if moment.metric == metric:
            colour = _DOTS.get(moment.verdict, FAINT)
            yield Dot(axis.x(moment.at), y, 4, colour, f"{moment.verdict}: {clean(moment.text)[:200]}")


def svg(drawn: Picture) -> str:
    """The picture as an SVG document that needs nothing else."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawn.width}" height="{drawn.height}" '
        f'viewBox="0 0 {drawn.width} {drawn.height}" font-family="sans-serif">'
    )
    return "\n".join((head, *(_element(shape) for shape in drawn.shapes), "</svg>", ""))


def _element(shape: Shape) -> str:
    match shape:
        case Box(x, y, width, height, colour):
            return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
        case Line(x1, y1, x2, y2, colour, width):
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'
        case Dot(x, y, radius, colour, title):
            inner = f"<title>{escape(title)}</title>" if title else ""
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}">{inner}</circle>'
        case Label(x, y, text, colour, size):
            return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}">{escape(text)}</text>'
        case _:
            assert_never(shape)
