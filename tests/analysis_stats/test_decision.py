"""Evidence to verdict."""

from __future__ import annotations

import math

import pytest

from analysis.stats.decision import Absent, AtDeadline, MetricEvidence, Rules, Verdict, decide

ABORT, PROMOTE, WAIT = Verdict.ABORT, Verdict.PROMOTE, Verdict.INCONCLUSIVE
GONE = MetricEvidence("errors", absent_looks=3)
FINE = MetricEvidence("errors", ok=25)
UNSURE = MetricEvidence("errors", bad=3, ok=2)


@pytest.mark.parametrize(
    ("story", "metrics", "rules", "step_s", "verdict"),
    [
        ("nothing is measured", [], Rules(), 60, WAIT),
        ("evidence at the limit", [MetricEvidence("errors", bad=100)], Rules(), 10, ABORT),
        ("evidence under the limit", [MetricEvidence("errors", bad=99.9)], Rules(), 10, WAIT),
        ("one of two metrics needs twice", [MetricEvidence("a", bad=150), FINE], Rules(), 10, WAIT),
        ("and has it", [MetricEvidence("a", bad=200), FINE], Rules(), 10, ABORT),
        ("a weight counts", [MetricEvidence("a", bad=126, weight=4), FINE], Rules(), 10, ABORT),
        ("a certificate", [FINE], Rules(), 60, PROMOTE),
        ("not before the least time", [FINE], Rules(step_s_min=90), 60, WAIT),
        ("not before enough requests", [FINE], Rules(requests_min=100), 60, WAIT),
        ("one gate is not ready", [FINE, MetricEvidence("latency", ok=5)], Rules(), 60, WAIT),
        ("a metric that gates nothing", [FINE, MetricEvidence("cpu", gating=False)], Rules(), 60, PROMOTE),
        ("no gate at all", [MetricEvidence("cpu", ok=99, gating=False)], Rules(), 60, WAIT),
        ("an absolute stop wins", [MetricEvidence("slo", ok=99, stopped="burns 20x")], Rules(), 60, ABORT),
        ("the deadline waits", [UNSURE], Rules(step_s_max=60), 60, WAIT),
        ("the deadline promotes", [UNSURE], Rules(step_s_max=60, at_deadline=AtDeadline.PROMOTE), 60, PROMOTE),
        ("the deadline aborts", [UNSURE], Rules(step_s_max=60, at_deadline=AtDeadline.ABORT), 60, ABORT),
        ("no data is no evidence", [GONE], Rules(), 60, WAIT),
        ("absent may fail", [GONE], Rules(absent=Absent.FAIL), 60, ABORT),
        ("but not at once", [MetricEvidence("errors", absent_looks=2)], Rules(absent=Absent.FAIL), 60, WAIT),
        ("absent may pass", [GONE], Rules(absent=Absent.PASS), 60, PROMOTE),
        ("a missing look holds a certificate", [MetricEvidence("e", ok=99, absent_looks=1)], Rules(), 60, WAIT),
        ("no number is no evidence", [MetricEvidence("e", bad=math.nan, ok=math.inf)], Rules(), 60, WAIT),
        ("noise in the last digits", [MetricEvidence("e", bad=100 - 1e-9)], Rules(), 60, ABORT),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_verdict(story, metrics, rules, step_s, verdict):
    decision = decide(metrics, rules, step_s)

    assert decision.verdict is verdict
    assert decision.why


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"beta": 1}, {"step_s_min": 9, "step_s_max": 5}, {"absent_looks": 0}])
def test_rules_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="want"):
        Rules(**wrong)
