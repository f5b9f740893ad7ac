"""What a plan will see: figures that can be checked against closed forms and against promises."""

from __future__ import annotations

import json
import time

import pytest

from analysis.simulate import Plan, Step, lines, simulate
from analysis.stats.power import Traffic, certificate_s, floor_excess, floor_s


def a_plan(**more):
    return Plan(**{"steps": (Step(0.1, 600.0),), "rps": 200.0, "base_rate": 0.01, **more})


def test_the_default_keeps_its_promises_and_stays_near_the_floor():
    report = simulate(a_plan())
    by_relative = {each.relative: each for each in report.regressions}

    assert report.false_abort <= 0.01
    assert report.wrongly_certified <= 0.05
    assert report.certified >= 0.9
    assert report.certified_s <= 180
    assert by_relative[2.0].seconds <= 120
    assert by_relative[2.0].detected >= 0.99
    assert by_relative[5.0].seconds <= 20


def test_the_floor_of_one_step_is_the_closed_form():
    report = simulate(a_plan())
    double = next(each for each in report.regressions if each.relative == 2.0)
    traffic = Traffic(200.0, 0.1, 0.01)

    assert double.floor_s == pytest.approx(floor_s(traffic, 2.0))
    assert double.floor_bad == pytest.approx(floor_excess(traffic, 2.0))
    assert report.certified_floor_s == pytest.approx(certificate_s(traffic, 1.5))


def test_a_step_of_less_weight_before_it_delays_the_floor_by_less_than_itself():
    late = simulate(a_plan(steps=(Step(0.01, 60.0), Step(0.1, 600.0))))
    double = next(each for each in late.regressions if each.relative == 2.0)
    alone = floor_s(Traffic(200.0, 0.1, 0.01), 2.0)

    assert alone < double.floor_s < alone + 60


def test_low_traffic_is_told_what_it_cannot_see_and_what_would_help():
    plan = a_plan(rps=4.0, steps=(Step(0.05, 300.0),))
    report = simulate(plan)
    told = "\n".join(lines(plan, report))

    assert report.steps[0].smallest > 5
    assert "cannot" in told or "no less than" in told
    assert "a doubling" in told


def test_bursts_make_everything_slower_and_are_said():
    calm, bursty = simulate(a_plan()), simulate(a_plan(dispersion=3.0))

    assert bursty.null == "bursts"
    assert bursty.false_abort <= 0.01
    assert bursty.regressions[1].seconds > calm.regressions[1].seconds


def test_the_same_seed_gives_the_same_report_and_it_is_json():
    assert json.dumps(simulate(a_plan()).as_data()) == json.dumps(simulate(a_plan()).as_data())
    assert simulate(a_plan(seed=2)) != simulate(a_plan())


def test_it_takes_a_second_or_two():
    began = time.process_time()
    simulate(a_plan(steps=(Step(0.05, 600.0), Step(0.25, 600.0), Step(0.5, 1200.0))))

    assert time.process_time() - began < 2


@pytest.mark.parametrize("wrong", [{"steps": ()}, {"steps": (Step(1.0, 60.0),)}, {"rps": 0.0}, {"base_rate": 1.0},
                                   {"dispersion": 0.5}, {"alpha": 0.0}, {"steps": (Step(0.1, 1e6),)}])  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused_in_words(wrong):
    with pytest.raises(ValueError, match=r"want|looks"):
        a_plan(**wrong)
