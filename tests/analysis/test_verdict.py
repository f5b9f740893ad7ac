"""Measurements become a verdict, and always the same one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.due import due_s
from analysis.errors import AnalysisError
from analysis.model import Measurement, Metric, MetricState, read_metrics
from analysis.phase import Phase, worst
from analysis.tally import assess, record
from analysis.verdict import judge

S, F, E, I = Phase.SUCCESSFUL, Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE  # noqa: E741  # columns of the table


def a_metric(name="m", **fields):
    return Metric(name, "prometheus", {"query": "up"}, **fields)


def after(metric, *phases, message=""):
    state = MetricState(metric.name)
    for number, phase in enumerate(phases):
        taken = Measurement(phase, message=message, started_s=float(number), finished_s=float(number))
        state = record(state, taken, metric.keep)
        state = replace(state, phase=assess(metric, state, False))
    return state


@pytest.mark.parametrize(
    ("fields", "phases", "phase"),
    [
        ({}, [], Phase.PENDING),
        ({}, [S], S),
        ({}, [F], F),
        ({}, [I], I),
        ({}, [E], Phase.RUNNING),
        ({}, [E] * 4, Phase.RUNNING),
        ({}, [E] * 5, E),
        ({}, [E, E, E, E, S], S),
        ({"count": 3}, [S, S], Phase.RUNNING),
        ({"count": 3}, [S, E, S, S], S),
        ({"count": 3, "failure_limit": 1}, [F, S, S], S),
        ({"count": 3, "failure_limit": 1}, [F, F], F),
        ({"count": 3, "inconclusive_limit": 1}, [I, S, I], I),
        ({"count": None}, [S] * 50, Phase.RUNNING),
        ({"count": None, "consecutive_success_limit": 3}, [S, S, S], S),
        ({"count": 5, "failure_limit": 3, "consecutive_success_limit": 2}, [S, F, S, S], S),
        ({"count": 3, "failure_limit": 3, "consecutive_success_limit": 2}, [S, F, S], I),
        ({"count": 3, "failure_limit": -1, "consecutive_success_limit": 2}, [S, F, S], F),
        ({"count": 9, "failure_limit": -1, "consecutive_success_limit": 2}, [F] * 8, Phase.RUNNING),
        ({"consecutive_error_limit": 0}, [E], E),
    ],
)
def test_a_metric_is_assessed_by_its_limits(fields, phases, phase):
    metric = a_metric(**fields)

    assert assess(metric, after(metric, *phases), False) is phase


def test_a_metric_that_ends_with_its_run_has_succeeded():
    endless = a_metric(count=None)

    assert assess(endless, after(endless, S), True) is S
    assert assess(endless, after(endless), True) is S


def test_the_worst_phase_speaks():
    order = [S, Phase.RUNNING, Phase.PENDING, I, E, F]

    assert [worst(order[: end + 1]) for end in range(len(order))] == order


def test_one_bad_metric_ends_the_others():
    bad, endless, waiting = a_metric("bad"), a_metric("endless", count=None), a_metric("waiting", initial_delay_s=60)

    verdict = judge([bad, endless, waiting], [after(bad, F), after(endless, S), MetricState("waiting")])

    assert verdict.phase is F
    assert verdict.message == 'Metric "bad" assessed Failed due to failed (1) > failureLimit (0)'
    assert [state.phase for state in verdict.states] == [F, S, S]
    assert verdict.summary == {"count": 3, "successful": 1, "failed": 1}


def test_the_providers_error_is_part_of_the_message():
    metric = a_metric()

    verdict = judge([metric], [replace(after(metric, *[E] * 5, message="server_error: 503"), phase=Phase.RUNNING)])

    assert verdict.message == (
        'Metric "m" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): '
        '"Error Message: server_error: 503"'
    )


def test_a_dry_run_never_decides():
    real, rehearsal = a_metric("real"), a_metric("rehearsal", is_dry_run=True)
    taken = replace(after(rehearsal, F), phase=Phase.RUNNING)

    verdict = judge([real, rehearsal], [after(real, S), taken])

    assert verdict.phase is S
    assert verdict.message == ""
    assert verdict.dry_run_summary == {"count": 1, "failed": 1}
    assert verdict.states[1].message == "Metric assessed Failed due to failed (1) > failureLimit (0)"


def test_a_dry_run_that_fails_does_not_end_the_others():
    real, rehearsal = a_metric("real", count=3), a_metric("rehearsal", is_dry_run=True)

    assert judge([real, rehearsal], [after(real, S), after(rehearsal, F)]).phase is Phase.RUNNING


def test_a_terminated_run_is_successful_unless_something_failed():
    metric = a_metric(count=None)

    assert judge([metric], [MetricState("m")], True).phase is S
    assert judge([metric], [after(metric, S)], True).message == "Run Terminated"
    assert judge([metric], [after(metric, F)], True).phase is F


@pytest.mark.parametrize(
    ("fields", "phases", "at"),
    [
        ({"initial_delay_s": 30.0}, [], 130.0),
        ({"interval_s": 60.0, "count": 3}, [S], 60.0),
        ({"interval_s": 60.0, "count": 3}, [S, E], 11.0),
        ({"interval_s": 2.0, "count": 3}, [E], 10.0),
        ({}, [S], None),
    ],
)
def test_the_next_measurement_is_due_after_the_last_one_ended(fields, phases, at):
    metric = a_metric(**fields)

    assert due_s(metric, after(metric, *phases), 100.0) == at


TAKEN = st.lists(st.sampled_from([S, F, E, I]), max_size=30)
FIELDS = st.fixed_dictionaries(
    {
        "count": st.none() | st.integers(1, 10),
        "failure_limit": st.integers(-1, 4),
        "inconclusive_limit": st.integers(0, 4),
        "consecutive_error_limit": st.integers(0, 4),
        "consecutive_success_limit": st.integers(0, 4),
        "is_dry_run": st.booleans(),
        "keep": st.integers(1, 5),
    }
)


@given(FIELDS, TAKEN)
def test_a_verdict_is_a_pure_function_of_the_counts(fields, phases):
    """What is kept of the measurements may be little: the counts alone decide, so a restart changes nothing."""
    metric = a_metric(**fields)
    state = after(metric, *phases)
    forgotten = replace(state, measurements=state.measurements[-1:])

    assert len(state.measurements) <= metric.keep
    assert judge([metric], [state]).phase is judge([metric], [forgotten]).phase


@given(FIELDS, TAKEN)
def test_a_verdict_once_reached_stays(fields, phases):
    metric = a_metric(**fields)
    first = judge([metric], [after(metric, *phases)])

    again = judge([metric], first.states)

    assert (again.phase, again.message, again.states) == (first.phase, first.message, first.states)


@given(st.lists(st.tuples(FIELDS, TAKEN), min_size=1, max_size=4))
def test_dry_runs_never_change_the_outcome(given_metrics):
    metrics = [a_metric(str(number), **fields) for number, (fields, _) in enumerate(given_metrics)]
    states = [after(metric, *phases) for metric, (_, phases) in zip(metrics, given_metrics, strict=True)]
    verdict = judge(metrics, states)
    real = [(metric, state) for metric, state in zip(metrics, states, strict=True) if not metric.is_dry_run]

    if verdict.phase.is_completed:
        assert verdict.phase is judge([metric for metric, _ in real], [state for _, state in real]).phase


def a_spec(**metric):
    provider = {"prometheus": {"address": "http://prom:9090", "query": "up{job='{{args.job}}'}"}}
    return {"metrics": [{"name": "m", "provider": provider, **metric}], "args": [{"name": "job", "value": "web"}]}


def test_a_metric_is_read_with_its_arguments_in():
    spec = {
        **a_spec(count="{{args.job}}" and "3", interval="1m", initialDelay="30s", failureLimit="1"),
        "dryRun": [{"metricName": ".*"}],
        "measurementRetention": [{"metricName": "m", "limit": 20}],
    }

    metric = read_metrics(spec)[0]

    assert metric.query["query"] == "up{job='web'}"
    assert (metric.count, metric.interval_s, metric.initial_delay_s, metric.failure_limit) == (3, 60.0, 30.0, 1)
    assert metric.is_dry_run
    assert metric.keep == 20


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({**a_spec(), "args": []}, "Unable to resolve metric arguments: failed to resolve {{args.job}}"),
        (
            {**a_spec(), "args": [{"name": "job"}]},
            'Unable to resolve metric arguments: argument "job" was not supplied',
        ),
        (a_spec(count=2), "Analysis spec invalid: metrics[0]: interval must be specified when count > 1"),
        ({}, "Analysis spec invalid: no metrics specified"),
    ],
)
def test_a_spec_that_cannot_run_says_why(spec, said):
    with pytest.raises(AnalysisError) as refused:
        read_metrics(spec)

    assert str(refused.value) == said


def test_a_secret_may_not_decide():
    secret = {"name": "job", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}

    with pytest.raises(AnalysisError, match="successCondition may not use a secret argument"):
        read_metrics({**a_spec(successCondition="result == '{{args.job}}'"), "args": [secret]})
