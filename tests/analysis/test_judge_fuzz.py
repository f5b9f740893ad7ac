"""The judge on standard input meets anything at all: a line out for each line in, a reason in each, the same again."""

from __future__ import annotations

import argparse
import io
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.compare import command
from analysis.compare.stream import Stream
from analysis.compare.terms import Terms

KEYS = ["t", "verdict", "eBad", "eOk", "rr", "low", "high", "null", "why"]
VERDICTS = {"abort", "promote", "inconclusive"}
NULLS = {"undecided", "independent", "bursts", "pods", "cautious"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
counts = st.integers(0, 10**6) | st.floats(0, 1e9) | st.sampled_from([0, 1e15, 1e18, 10**400, -1, math.nan, math.inf])
readings = st.lists(counts, min_size=2, max_size=2) | st.dictionaries(
    st.sampled_from(["a", "b"]), st.lists(counts, min_size=2, max_size=2), max_size=2
)
sides = st.dictionaries(st.sampled_from(["p-0", "p-1", "p-2", "", "\x1f", "\ud800"]), readings | anything, max_size=3)
looks = st.fixed_dictionaries(
    {"t": st.sampled_from([0, 10, 20, 20.5, 30, -10, 1e300]) | st.integers(0, 300) | anything},
    optional={"canary": sides | anything, "stable": sides | anything, "error": anything},
)
lines = st.lists(looks.map(json.dumps) | anything.map(json.dumps) | st.text(max_size=20), max_size=25)
rushed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def makes_sense(line: str) -> None:
    found = json.loads(line, parse_constant=pytest.fail)
    assert list(found) == KEYS
    assert found["verdict"] in VERDICTS
    assert found["null"] in NULLS
    assert found["why"]
    assert found["eBad"] >= 0
    assert found["eOk"] >= 0
    assert found["rr"] is None or found["low"] <= found["rr"] <= (found["high"] or math.inf)


@rushed
@given(lines, st.sampled_from([0.0, 30.0]))
def test_whatever_the_lines_hold_each_has_a_finding_with_a_reason_and_the_same_again(texts, warm_up_s):
    told = [[stream.line(text) for text in texts] for stream in (Stream(Terms(warm_up_s=warm_up_s)) for _ in range(2))]

    for line in told[0]:
        makes_sense(line)
    assert told[0] == told[1]


@rushed
@given(st.lists(st.binary(max_size=40) | looks.map(lambda look: json.dumps(look).encode()), max_size=12))
def test_bytes_of_any_kind_get_a_line_each_and_at_once(raw):
    class Watched(io.StringIO):
        flushes = 0

        def flush(self):
            self.flushes += 1

    source, out = b"".join(line.replace(b"\n", b" ") + b"\n" for line in raw), Watched()
    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())
    assert command.judge(parser.parse_args(["judge"]), io.BytesIO(source), out) == 0

    found = out.getvalue().splitlines()
    assert len(found) == len(raw) == out.flushes
    for line in found:
        makes_sense(line)


def test_an_empty_line_is_answered_too(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'\n  \n{"t": 0, "canary": {}, "stable": {}}\n')))

    assert main(["judge"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["empty" in each["why"] for each in found] == [True, True, False]


def test_a_reader_that_leaves_ends_the_judge_quietly():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    parser = argparse.ArgumentParser()
    command.add_command(parser.add_subparsers())

    assert command.judge(parser.parse_args(["judge"]), io.BytesIO(b"{}\n{}\n"), Gone()) == 0
