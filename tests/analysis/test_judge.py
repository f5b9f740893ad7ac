"""`python -m analysis judge`: looks as lines in, findings as lines out, whatever the lines hold."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.compare.stream import LATE_LOOKS_MAX, Stream
from analysis.compare.terms import Terms
from analysis.stats.decision import Absent, AtDeadline, Rules

KEYS = ["t", "verdict", "eBad", "eOk", "rr", "low", "high", "null", "why"]


def looks(seed=1, canary=0.01, before=40, during=60, pods=9):
    """A history of stable pods, then a canary pod beside them: 200 rps, 10 % weight, 1 % errors, a look each 10 s."""
    rng = np.random.default_rng(seed)
    stable, young = {f"s-{i}": [5000, 50] for i in range(pods)}, {}
    for number in range(-before, during + 1):
        for counter in stable.values():
            n = int(rng.poisson((1800 if number > 0 else 2000) / pods))
            counter[0] += n
            counter[1] += int(rng.binomial(n, 0.01))
        if number > 0:
            counter = young.setdefault("c-0", [0, 0])
            n = int(rng.poisson(200))
            counter[0] += n
            counter[1] += int(rng.binomial(n, canary))
        yield json.loads(json.dumps({"t": 10 * number, "canary": young, "stable": stable}))


def judged(lines, terms=None):
    stream = Stream(terms or Terms())
    return [json.loads(stream.line(line if isinstance(line, bytes | str) else json.dumps(line))) for line in lines]


def first(found, verdict):
    return next((each["t"] for each in found if each["verdict"] == verdict), None)


def test_the_command_of_the_documentation_answers_each_look_with_the_nine_fields():
    told = "".join(json.dumps(look) + "\n" for look in looks(canary=0.2, before=3, during=3))
    command = [sys.executable, "-m", "analysis", "judge"]
    options = ["--kind", "errors", "--alpha", "0.01", "--beta", "0.05", "--worse-than", "1.5"]
    done = subprocess.run([*command, *options], input=told, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]

    assert [list(each) for each in found] == [KEYS] * 7
    assert [each["t"] for each in found] == [-30, -20, -10, 0, 10, 20, 30]
    assert done.stderr == ""


def test_a_steady_history_lets_requests_count_as_independent_and_a_bad_canary_is_aborted_at_once():
    found = judged(looks(canary=0.2))

    assert first(found, "abort") == 10
    assert found[-1]["null"] == "independent"
    assert found[-1]["low"] <= 20 <= found[-1]["high"]


def test_an_abort_is_never_taken_back():
    bad = list(looks(canary=0.05, during=6))
    last = bad[-1]
    total, worse = last["canary"]["c-0"]
    good = [{"t": last["t"] + 10 * i, "canary": {"c-0": [total + 9000 * i, worse]},
             "stable": {"s-0": [10_000 * i, 100 * i]}} for i in range(1, 30)]  # fmt: skip
    found = judged([*bad, *good])

    assert {each["verdict"] for each in found[-30:]} == {"abort"}
    assert found[-1]["eBad"] < 100


def test_a_healthy_canary_is_certified_and_not_aborted():
    found = judged(looks())

    assert first(found, "abort") is None
    assert 30 <= first(found, "promote") <= 600


def test_before_the_canary_nothing_is_decided_and_every_line_says_that_it_is_history():
    found = judged(looks(before=5, during=0))

    assert {each["verdict"] for each in found} == {"inconclusive"}
    assert all(each["why"].startswith("history") for each in found)


BROKEN = [
    b"", b"{", b"[]", b"7", b"null", b'"t"', b"{}", b'{"t": null}', b'{"t": "10"}', b'{"t": true}', b'{"t": NaN}',
    b'{"t": 1e999}', b"\xff\xfe\x00", b"[" * 100_000, b'{"t": 5}', b'{"t": 6, "canary": null, "stable": null}',
    b'{"t": 7, "canary": [], "stable": "x"}', b'{"t": 8, "canary": {"c": [1]}, "stable": {"s": [1, 2, 3]}}',
    b'{"t": 9, "canary": {"c": [null, "x"]}, "stable": {"s": [true, false]}}',
    b'{"t": 11, "canary": {"c": [NaN, Infinity]}, "stable": {"s": [-1, -5]}}',
    b'{"t": 12, "canary": {"c": [1e308, 1e308]}, "stable": {"s": [1e300, 1e300]}}',
    b'{"t": 13, "canary": {"c": [1' + b"0" * 500 + b', 1]}, "stable": {"s": [5, 9]}}',
    b'{"t": 14, "canary": {"c": {"a": [3, 9], "b": 4}}, "stable": {"s": [5, 9]}}',
    b'{"t": 15, "canary": {"c": {"a": {"b": {}}}}, "stable": {"": [5, 9]}, "error": {"timeout": 1}}',
    b'{"t": -1e300, "canary": {"c": [4, 4]}, "stable": {"s": [3, 3]}}',
]  # fmt: skip


def test_no_line_is_an_exception_and_each_says_why():
    ordinary = [json.dumps(look).encode() for look in looks(canary=0.02, before=10, during=10)]
    mixed = [line for pair in zip([*BROKEN, *BROKEN], [*ordinary, *ordinary, *ordinary], strict=False) for line in pair]
    found = judged(mixed)

    assert [list(each) for each in found] == [KEYS] * len(mixed)
    assert all(each["why"] for each in found)
    assert all(math.isfinite(each[name]) for each in found for name in ("eBad", "eOk", "low"))


def test_lines_that_are_no_looks_change_nothing():
    ordinary = list(looks(canary=0.02))
    mixed = [line for look in ordinary for line in (look, b"{", b'{"t": null}')]

    assert judged(mixed)[::3] == judged(ordinary)


def test_doubled_and_shuffled_looks_come_to_the_same_finding():
    ordinary = list(looks(seed=4, canary=0.02))
    shaken = [look for look in ordinary for _ in range(2)]
    mixer = random.Random(5)
    shaken = [shaken[i] for i in sorted(range(len(shaken)), key=lambda i: i + mixer.uniform(0, 8))]
    expected, found = judged(ordinary)[-1], judged(shaken)
    newest = max(found, key=lambda each: each["t"])

    assert {name: found[-1][name] for name in KEYS[1:8]} == {name: expected[name] for name in KEYS[1:8]}
    assert newest["verdict"] == expected["verdict"]


def test_a_look_that_is_later_than_hundreds_of_others_is_ignored():
    ordinary = list(looks(before=LATE_LOOKS_MAX + 10, during=3))
    found = judged([*ordinary[5:], ordinary[0]])

    assert "too late" in found[-1]["why"]


def test_resets_and_gaps_of_one_look_neither_accuse_nor_acquit():
    ordinary = list(looks(seed=7, during=90))
    for number, look in enumerate(ordinary):
        if look["canary"] and number > 60:  # the canary's process began anew at the 60th look
            was = ordinary[60]["canary"]["c-0"]
            look["canary"] = {"c-0": [look["canary"]["c-0"][0] - was[0], look["canary"]["c-0"][1] - was[1]]}
        if number % 7 == 3 and number > 45:
            look["canary"] = {}
        if number % 5 == 2:
            look["stable"] = {"s-1": [float("nan"), 3]}
    found = judged(ordinary)

    assert first(found, "abort") is None
    assert first(found, "promote") is not None
    assert any("began anew" in each["why"] for each in found)
    assert any("no reading of canary" in each["why"] for each in found)


def test_what_stable_did_while_the_canary_was_away_is_not_held_against_a_new_canary_pod():
    """An outage of both, in which the canary has no pod but for its last ten seconds."""
    rows = [{"t": 10 * i, "canary": {}, "stable": {"s-0": [2000 * i, 20 * i], "s-1": [2000 * i, 20 * i]}}
            for i in range(120)]  # fmt: skip
    for i in range(30, 60):
        rows[i]["canary"] = {"c-0": [200 * (i - 29), 2 * (i - 29)]}
    for i in range(100, 120):
        share = 800 * (i - 99)
        rows[i]["stable"] = {pod: [2000 * i, 20 * i + share] for pod in ("s-0", "s-1")}
        rows[i]["canary"] = {"c-1": [200 * (i - 99), 82 * (i - 99)]}
    found = judged(rows)

    assert first(found, "abort") is None


def test_a_canary_that_vanishes_is_no_evidence_until_the_policy_says_otherwise():
    ordinary = list(looks(canary=0.01, during=8))
    gone = [{**ordinary[-1], "t": ordinary[-1]["t"] + 10 * i, "canary": {}} for i in range(1, 6)]
    default, strict = judged([*ordinary, *gone]), judged([*ordinary, *gone], Terms(rules=Rules(absent=Absent.FAIL)))

    assert {each["verdict"] for each in default[-5:]} == {"inconclusive"}
    assert "no data for 5 looks" in default[-1]["why"]
    assert [each["verdict"] for each in strict[-5:]] == ["inconclusive"] * 2 + ["abort"] * 3


def test_a_declared_warm_up_forgives_a_cold_start_and_no_more():
    rows = list(looks(seed=3, during=60))
    for look in rows:
        if look["canary"]:  # 100 errors in the first minute
            look["canary"]["c-0"][1] += round(100 * min(look["t"], 60) / 60)
            look["canary"]["c-0"][0] += round(100 * min(look["t"], 60) / 60)
    strict, forgiving = judged(rows), judged(rows, Terms(warm_up_s=60))

    assert first(strict, "abort") is not None
    assert first(forgiving, "abort") is None
    assert first(forgiving, "promote") is not None
    assert first(judged(looks(canary=0.2), Terms(warm_up_s=60)), "abort") <= 90


def test_routes_are_compared_within_themselves_where_the_canary_gets_another_mix():
    """A route that fails ten times as often is half of the canary's requests and a tenth of stable's."""
    rows = []
    for i in range(60):
        stable = {f"s-{p}": {"fine": [1620 * i, 8 * i], "poor": [180 * i, 18 * i]} for p in range(3)}
        canary = {"c-0": {"fine": [100 * (i - 20), round(0.5 * (i - 20))], "poor": [100 * (i - 20), 10 * (i - 20)]}}
        rows.append({"t": 10 * i, "canary": canary if i > 20 else {}, "stable": stable})
    mixed = [{**row, **{side: {pod: [sum(each[k] for each in routes.values()) for k in (0, 1)]
                               for pod, routes in row[side].items()} for side in ("canary", "stable")}}
             for row in rows]  # fmt: skip

    assert first(judged(mixed), "abort") is not None
    assert first(judged(rows), "abort") is None


def test_at_the_deadline_the_policy_decides():
    terms = Terms(rules=Rules(step_s_max=30, at_deadline=AtDeadline.ABORT))

    assert first(judged(looks(during=10), terms), "abort") == 40


@pytest.mark.parametrize("option", [["--alpha", "0"], ["--beta", "2"], ["--worse-than", "0.5"], ["--r0", "nan"],
                                    ["--warm-up", "-1"], ["--min-requests", "nan"], ["--kind", "x"],
                                    ["--absent-looks", "0"]])  # fmt: skip
def test_wrong_usage_ends_with_code_two_and_a_sentence(option, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["judge", *option])

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_canary_pod_that_becomes_stable_brings_no_past_with_it():
    rows = list(looks(seed=6, canary=0.01, during=40))
    for look in rows:
        if look["t"] > 200:
            look["stable"]["c-0"] = look["canary"]["c-0"]
            n = 20 * (look["t"] - 200)
            look["canary"] = {"c-1": [n, round(0.01 * n)]}
    found = judged(rows)

    assert first(found, "abort") is None
    assert found[-1]["rr"] == pytest.approx(1, abs=0.4)


def test_a_stable_side_that_is_never_there_is_named():
    rows = [{"t": 10 * i, "canary": {"c": [100 * i, i]}, "stable": {}} for i in range(8)]

    assert "no reading of stable" in judged(rows)[-1]["why"]


ODD = [None, [1], [float("nan"), 2], "x", {"a": [1, 0]}, [1e300, 1], [5, -1], [True, 1], [7, 3]]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_to_counters_and_lines_the_finding_makes_sense(seed):
    mixer, at_s, stream = random.Random(seed), 0, Stream(Terms(warm_up_s=30.0 * (seed % 2)))
    sides = {"canary": {}, "stable": {f"s-{i}": [500, 5] for i in range(seed % 4)}}
    for _ in range(40):
        at_s += mixer.choice([10, 10, 10, 0, -20, 5])
        for pods in sides.values():
            if mixer.random() < 0.2:
                pods[f"p-{mixer.randint(0, 4)}"] = mixer.choice([[300, 3], [0, 0], mixer.choice(ODD)])
            for pod, reading in pods.items():
                if isinstance(reading, list) and len(reading) == 2:
                    more = mixer.randint(0, 200)
                    pods[pod] = [reading[0] + more, reading[1] + mixer.randint(0, more)]
        line = {name: mixer.choice([pods, pods, pods, {}, None, 7]) for name, pods in sides.items()}
        found = json.loads(stream.line(json.dumps({"t": at_s, **line})))

        assert found["verdict"] in ("abort", "promote", "inconclusive")
        assert found["why"]
        assert found["rr"] is None or found["low"] <= found["rr"] <= (found["high"] or math.inf)
