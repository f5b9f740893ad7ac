"""`python -m analysis judge`: canary against stable from standard input, a look a line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, BinaryIO, TextIO

from analysis.compare.stream import LINE_BYTES_MAX, Stream
from analysis.compare.terms import Terms
from analysis.stats.decision import Absent, AtDeadline, Rules
from analysis.stats.sequential import Setup

_ABOUT = """Judge a canary against stable at every look, as often as you like: false alarms do not add up.

A line of standard input is one look: {"t": seconds, "canary": {"pod-a": [total, bad], ...}, "stable": {...}}.
Counters are cumulative, a fall is a restart, and a pod that appears later began at zero. The counters of the very
first look are only a baseline. Looks before the canary's first pod (canary {}) are history: what the stable pods show
there chooses the null; 180 pod-looks or more are needed to take requests as independent, and without history both
bursts and differing pods are allowed for, which is slower. A pod's reading may also be
{"route": [total, bad], ...}: then each route is compared within itself.

A line of standard output is one finding: {"t", "verdict", "eBad", "eOk", "rr", "low", "high", "null", "why"}.
  verdict  abort once eBad has reached 1/alpha, and ever after; promote while eOk is at 1/beta; else inconclusive
  eBad     evidence against "the canary is at most r0 times as bad as stable"
  eOk      evidence against "the canary is at least worse-than times as bad as stable"
  rr       the relative risk, low to high its interval, valid at all looks together (high null: not bounded)
  null     independent, bursts, pods or cautious; undecided before the canary
A doubled look changes nothing, a late one is put in its place; a line that is no look, even an empty one, gets a line
that says why, with the finding before it. The false-abort probability over all looks is at most alpha if the null
holds. Under "pods" that rests on the spread measured; under "cautious" without history it is assumed to be 0.3."""

_EPILOG = "exit code: 0 when the input ended, whatever was found; 2 wrong usage"


def add_command(commands: Any) -> None:
    """Adds `judge` to the sub-commands of a parser."""
    command = commands.add_parser(
        "judge", help="compare canary and stable, looks as lines of JSON on standard input", description=_ABOUT,
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("--kind", choices=["errors"], default="errors", help="what is counted (errors)")
    for name, default, told in (
        ("--alpha", 0.01, "false aborts a rollout, at most (0.01)"),
        ("--beta", 0.05, "false certificates, at most (0.05)"),
        ("--worse-than", 1.5, "the relative risk that a certificate rules out (1.5)"),
        ("--r0", 1.05, "the relative risk that is still fine; 1 accuses any rise (1.05)"),
        ("--warm-up", 0.0, "seconds of a pod's first requests that are no evidence (0)"),
        ("--min-requests", 0.0, "requests of the canary before it may promote (0)"),
        ("--min-time", 0.0, "seconds since the canary's first look before it may promote (0)"),
        ("--max-time", float("inf"), "seconds after which --at-deadline applies (none)"),
    ):
        command.add_argument(name, type=float, default=default, metavar="NUMBER", help=told)
    command.add_argument(
        "--at-deadline", choices=[each.value for each in AtDeadline], default="wait",
        help="what an inconclusive judgement becomes at --max-time (wait)",
    )  # fmt: skip
    command.add_argument(
        "--absent", choices=[each.value for each in Absent], default="inconclusive",
        help="what a side without data means after --absent-looks looks (inconclusive)",
    )  # fmt: skip
    command.add_argument("--absent-looks", type=int, default=3, metavar="N", help="see --absent (3)")
    command.set_defaults(parser=command)


def judge(asked: argparse.Namespace, lines: BinaryIO, out: TextIO) -> int:
    """Judges every line; wrong numbers on the command line end the program with code 2."""
    try:
        terms = terms_of(vars(asked))
    except ValueError as error:
        asked.parser.error(str(error))
    stream = Stream(terms)
    while line := lines.readline(LINE_BYTES_MAX + 1):
        while not line.endswith(b"\n") and len(line) > LINE_BYTES_MAX:
            rest = lines.readline(LINE_BYTES_MAX)
            if not rest or rest.endswith(b"\n"):
                break
        try:
            out.write(stream.line(line) + "\n")
            out.flush()
        except BrokenPipeError:  # nobody reads on
            return 0
    return 0


def terms_of(asked: Mapping[str, Any]) -> Terms:
    """The terms of the options. Raises ValueError for numbers out of range."""
    rules = Rules(
        alpha=asked["alpha"], beta=asked["beta"], requests_min=asked["min_requests"], step_s_min=asked["min_time"],
        step_s_max=asked["max_time"], at_deadline=AtDeadline(asked["at_deadline"]), absent=Absent(asked["absent"]),
        absent_looks=asked["absent_looks"],
    )  # fmt: skip
    if not asked["warm_up"] >= 0:
        raise ValueError("warm-up: want 0 or more")
    return Terms(Setup(r0=asked["r0"], worse_than=asked["worse_than"]), rules, asked["warm_up"])
