"""Icons and colours as roles: what a thing means is decided elsewhere, how it looks is decided here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """What an icon in front of a status says."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    OK = "ok"
    BAD = "bad"
    WARNING = "warning"
    PAUSED = "paused"
    NEUTRAL = "neutral"
    UNKNOWN = "unknown"


class Role(Enum):
    """What a colour says; a face without colours loses nothing, for every role is also a word or an icon."""

    PLAIN = "plain"
    STABLE = "stable"
    CANARY = "canary"
    PREVIEW = "preview"
    RUNNING = "running"
    BAD = "bad"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One alphabet of icons and branches."""

    states: Mapping[State, str]
    kinds: Mapping[str, str]
    fork: str
    last: str
    bar: str
    gap: str


UNICODE = Glyphs(
    states={
        State.WAITING: "◷",
        State.PROGRESSING: "◌",
        State.OK: "✔",
        State.BAD: "✖",
        State.WARNING: "⚠",
        State.PAUSED: "॥",
        State.NEUTRAL: "•",
        State.UNKNOWN: "?",
    },
    kinds={
        "Rollout": "⟳", "Revision": "#", "ReplicaSet": "⧉", "Pod": "□", "Job": "⊞", "Experiment": "Σ",
        "AnalysisRun": "α",
    },
    fork="├──",
    last="└──",
    bar="│  ",
    gap="   ",
)  # fmt: skip

ASCII = Glyphs(
    states={
        State.WAITING: "w",
        State.PROGRESSING: "~",
        State.OK: "+",
        State.BAD: "x",
        State.WARNING: "!",
        State.PAUSED: "=",
        State.NEUTRAL: ".",
        State.UNKNOWN: "?",
    },
    kinds={
        "Rollout": "@", "Revision": "#", "ReplicaSet": "%", "Pod": "o", "Job": "J", "Experiment": "E",
        "AnalysisRun": "a",
    },
    fork="|--",
    last="`--",
    bar="|  ",
    gap="   ",
)  # fmt: skip

_CODES = {Role.STABLE: "32", Role.CANARY: "33", Role.PREVIEW: "94", Role.RUNNING: "94", Role.BAD: "31", Role.FAINT: "2"}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_ANSI_OR_TEXT = re.compile(f"({_ANSI.pattern})")
# C0 and C1 controls and the bidirectional overrides: a name or a message from the cluster never steers a terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STEERING = re.compile(f"{_ANSI.pattern}|{_UNPRINTABLE.pattern}")

_ROLE_OF_STATE = {
    State.WAITING: Role.CANARY,
    State.PROGRESSING: Role.RUNNING,
    State.OK: Role.STABLE,
    State.BAD: Role.BAD,
    State.WARNING: Role.BAD,
    State.PAUSED: Role.CANARY,
    State.NEUTRAL: Role.FAINT,
    State.UNKNOWN: Role.FAINT,
}


@dataclass(frozen=True, slots=True)
class Style:
    """How this reader is served: which alphabet, and whether colours are welcome."""

    glyphs: Glyphs = UNICODE
    colour: bool = False

    def paint(self, text: str, role: Role) -> str:
        """The text in the role's colour, or as it is where colours are not welcome."""
        code = _CODES.get(role)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text

    def icon(self, state: State) -> str:
        """The state's icon, coloured."""
        return self.paint(self.glyphs.states[state], _ROLE_OF_STATE[state])

    def status(self, state: State, word: str) -> str:
        """Icon and word, as in `✔ Healthy`."""
        return f"{self.icon(state)} {word}"

    def word(self, state: State, word: str) -> str:
        """The word alone in its state's colour, for columns that scripts count."""
        return self.paint(word, _ROLE_OF_STATE[state])

    def kind(self, kind: str) -> str:
        """The icon of a kind in the tree."""
        return self.glyphs.kinds[kind]


def clean(text: object) -> str:
    """One line of text that cannot steer a terminal: control characters become spaces."""
    return _UNPRINTABLE.sub(" ", str(text))


def tamed(line: str) -> str:
    """A line as it may go to a terminal: of all that steers one only colours, tabs and line ends are left."""
    return _STEERING.sub(lambda found: found[0] if found[0] in "\t\n" or len(found[0]) > 1 else " ", line)


def width(text: str) -> int:
    """How many cells a text takes, colours not counted: a letter of China or Japan takes two, a combining one none."""
    plain = _ANSI.sub("", text)
    return len(plain) if plain.isascii() else sum(map(_cells, plain))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def fitted(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    """The lines as far as they fit into that many cells and rows, with the count of those that do not.

    A line that wraps, or a picture that scrolls, would be drawn anew below itself. columns, rows: 1 or more.
    """
    shown = list(lines)
    if len(shown) > rows:
        shown = [*shown[: rows - 1], f"… {len(shown) - rows + 1} more lines"]
    return [_cut(line, columns) for line in shown]


def _cut(line: str, columns: int) -> str:
    """The line's first cells; the colours stay, so that what is switched on is switched off."""
    if width(line) <= columns:
        return line
    room, kept = columns, []
    for index, part in enumerate(_ANSI_OR_TEXT.split(line)):
        kept.append(_first(part, room) if index % 2 == 0 else part)
        room -= width(kept[-1])
    return "".join(kept)


def _first(text: str, cells: int) -> str:
    """As much of a text as fits into that many cells."""
    for index, char in enumerate(text):
        cells -= _cells(char)
        if cells < 0:
            return text[:index]
    return text
