"""The comparing metric: raw counters in, a verdict a look, one small memory."""

from __future__ import annotations

import json

import pytest

from analysis import measuring
from analysis.check import check_spec
from analysis.compare import errors
from analysis.compare.looking import ErrorsKept
from analysis.compare.store import dumps, loads
from analysis.compare.terms import Terms
from analysis.errors import AnalysisError
from analysis.model import MetricState, read_metrics
from analysis.phase import Phase
from analysis.providers import Surroundings
from analysis.providers.comparison import ask
from analysis.replay import Recorded, replay
from analysis.verdict import judge
from tests.analysis.fake_prometheus import FakePrometheus, Service

SPEC = {"address": "http://prom:9090", "canary": "canary_requests_total", "stable": 'stable_requests_total{a="b"}',
        "bad": 'code=~"5.."', "lag": "0s"}  # fmt: skip


def a_run(count=60, **more):
    metric = {"name": "errors", "interval": "10s", "count": count, "provider": {"comparison": {**SPEC, **more}}}
    return {"metrics": [metric]}


def look(metric, state, service):
    question = measuring.ask(metric, Surroundings(service.now_s, "", state.metadata.get(measuring.MEMORY, "")))
    answer = service.prometheus.answer(question, service.now_s)
    return measuring.taken(metric, state, answer, "", service.now_s, service.now_s)[0], answer


def judged(service, canary_rate, looks=61, run=None):
    """The run's verdict, its metric's state, and the answers, after a history of ten minutes."""
    metric = read_metrics(run or a_run())[0]
    state, answers = MetricState("errors"), []
    service.run(700)
    service.canary = {"c-0": {}}
    for _ in range(looks):
        state, answer = look(metric, state, service)
        answers.append((service.now_s, answer))
        verdict = judge([metric], [state])
        state = verdict.states[0]
        if verdict.phase.is_completed:
            break
        service.run(10, canary_rate)
    return verdict, state, answers


def value(state):
    return json.loads(state.measurements[-1].value)


def test_a_bad_canary_ends_the_run_as_failed_within_seconds():
    verdict, state, _ = judged(Service(), 0.2)

    assert verdict.phase is Phase.FAILED
    assert state.taken == 2
    assert (value(state)["verdict"], value(state)["null"]) == ("abort", "independent")
    assert value(state)["low"] <= 20 <= value(state)["high"]
    assert value(state)["canary"]["requests"] == pytest.approx(200, abs=60)


def test_a_healthy_canary_ends_the_run_as_successful_before_its_time():
    verdict, state, _ = judged(Service(), 0.01)

    assert verdict.phase is Phase.SUCCESSFUL
    assert 5 <= state.taken < 60
    assert value(state)["verdict"] == "promote"


def test_a_run_that_knows_too_little_ends_as_inconclusive_at_its_count():
    verdict, state, _ = judged(Service(rps=2), 0.01, run=a_run(count=5))

    assert verdict.phase is Phase.INCONCLUSIVE
    assert state.taken == 5


def test_in_the_background_a_certificate_does_not_end_the_watch():
    run = a_run()
    del run["metrics"][0]["count"]
    verdict, state, _ = judged(Service(), 0.01, looks=45, run=run)

    assert verdict.phase is Phase.RUNNING
    assert state.successful > 0


def test_the_memory_is_small_and_a_restart_at_any_look_changes_nothing():
    """The state after each look is all that a new controller has: the test's own state passes through JSON."""
    service, metric = Service(), read_metrics(a_run())[0]
    service.run(700)
    service.canary = {"c-0": {}}
    memory, sizes = "", []
    for _ in range(30):
        state = MetricState("errors", metadata={measuring.MEMORY: memory} if memory else {})
        memory = look(metric, state, service)[0].metadata[measuring.MEMORY]
        sizes.append(len(memory.encode()))
        service.run(10, 0.02)
    kept = loads(ErrorsKept, memory)

    assert max(sizes) <= 2048
    assert kept.memory.aborted


def test_a_replay_of_the_recorded_answers_gives_the_verdict_again_byte_for_byte():
    verdict, state, answers = judged(Service(seed=3), 0.03)
    recorded = [Recorded("errors", at_s, tuple(reply.body for reply in answer)) for at_s, answer in answers]
    again = replay(a_run(), recorded)

    assert again.phase is verdict.phase
    assert [each.value for each in again.states[0].measurements] == [each.value for each in state.measurements]
    assert again.states[0].metadata == state.metadata


def test_a_look_asked_twice_at_the_same_moment_adds_nothing():
    service, metric = Service(), read_metrics(a_run())[0]
    service.run(700)
    service.canary = {"c-0": {}}
    state, _ = look(metric, MetricState("errors"), service)
    service.run(10, 0.05)
    once, _ = look(metric, state, service)
    twice, _ = look(metric, once, service)

    assert loads(ErrorsKept, twice.metadata["memory"]) == loads(ErrorsKept, once.metadata["memory"])


def test_the_first_errors_of_a_new_pod_count_although_rate_would_lose_them():
    """A new label set appears with its first error: nothing was scraped before it."""
    service, metric = Service(), read_metrics(a_run())[0]
    service.run(700)
    state, _ = look(metric, MetricState("errors"), service)
    service.canary = {"c-0": {"200": 100.0, "500": 60.0}}
    service.run(10)
    state, _ = look(metric, state, service)

    assert value(state)["canary"] == {"requests": 160, "bad": 60, "pods": 1}


def test_restarts_of_processes_are_no_evidence():
    service, metric, state = Service(), read_metrics(a_run())[0], MetricState("errors")
    service.run(700)
    service.canary = {"c-0": {}}
    for number in range(60):
        state, _ = look(metric, state, service)
        if number % 7 == 6:
            service.canary["c-0"] = {"200": 0.0, "500": 0.0}
            service.stable[f"s-{number % 9}"] = {"200": 0.0, "500": 0.0}
        service.run(10, 0.01)

    assert state.failed == 0
    assert value(state)["rr"] == pytest.approx(1, abs=0.5)


def test_a_canary_without_samples_is_named_and_decides_only_by_policy():
    runs = {policy: a_run(absent=policy) for policy in ("inconclusive", "fail")}
    found = {}
    for policy, run in runs.items():
        service, metric, state = Service(), read_metrics(run)[0], MetricState("errors")
        service.run(700)
        for _ in range(12):
            state, _ = look(metric, state, service)
            service.run(10)
        found[policy] = state

    assert found["inconclusive"].failed == 0
    assert "no reading of canary" in found["inconclusive"].measurements[-1].message or "no sample" in (
        found["inconclusive"].measurements[-1].message
    )
    assert found["fail"].failed > 0


def test_a_question_that_failed_loses_nothing():
    service, metric = Service(), read_metrics(a_run())[0]
    service.run(700)
    service.canary = {"c-0": {}}
    state, _ = look(metric, MetricState("errors"), service)
    service.run(10, 0.01)
    state, measurement = measuring.taken(metric, state, None, "no answer in 30 s", 710, 710)
    service.run(10, 0.01)
    state, _ = look(metric, state, service)

    assert measurement.phase is Phase.ERROR
    assert value(state)["canary"]["requests"] == sum(service.canary["c-0"].values())


def test_a_memory_that_cannot_be_read_begins_anew_and_says_so():
    service, metric = Service(), read_metrics(a_run())[0]
    service.run(700)
    service.canary = {"c-0": {}}
    service.run(10, 0.01)
    state, _ = look(metric, MetricState("errors", metadata={"memory": '{"version": 7}'}), service)

    assert "begins anew" in state.measurements[-1].message


NO_ANSWERS = [
    None, {}, {"status": "success"}, {"status": "error", "errorType": "bad_data", "error": "parse error"},
    *({"status": "success", "data": data} for data in (
        {"resultType": "vector", "result": []}, {"resultType": "matrix", "result": [{"metric": {}}]},
        {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]},
    )),
]  # fmt: skip


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_an_answer_that_is_none_is_an_error_with_words(body):
    metric = read_metrics(a_run())[0]
    _, measurement = measuring.taken(metric, MetricState("errors"), (body, body), "", 1.0, 1.0)

    assert measurement.phase is Phase.ERROR
    assert measurement.message


def test_conditions_of_its_own_go_before_the_verdict():
    run = a_run()
    run["metrics"][0] |= {"failureCondition": "result.eBad >= 5", "successCondition": "result.eOk >= 1000"}
    verdict, state, _ = judged(Service(), 0.02, run=run)

    assert verdict.phase is Phase.FAILED
    assert 5 <= value(state)["eBad"] < 100


def test_the_free_form_plugin_map_means_the_same():
    run = a_run()
    run["metrics"][0]["provider"] = {"plugin": run["metrics"][0]["provider"]}

    assert read_metrics(run) == read_metrics(a_run())


def test_numbers_may_be_texts_and_arguments():
    run = {**a_run(alpha="{{args.alpha}}", worseThan="2"), "args": [{"name": "alpha", "value": "0.05"}]}
    question = ask(read_metrics(run)[0].query, Surroundings(1000.0))

    assert [query.query for query in question.queries] == ["canary_requests_total[630s]",
                                                           'stable_requests_total{a="b"}[630s]']  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"canary": "rate(x[1m])"}, "selector"), ({"canary": ""}, "selector"), ({"bad": "code~5"}, "matchers"),
        ({"bad": None}, "either"), ({"alpha": "x"}, "number"), ({"alpha": 2}, "alpha"), ({"kind": "magic"}, "kind"),
        ({"absent": "maybe"}, "absent"), ({"warmUp": "1 minute"}, "warmUp"), ({"colour": "red"}, "unknown"),
        ({"podLabel": "a-b"}, "podLabel"), ({"canaryBad": "x"}, "bad"), ({"worseThan": 1}, "worse_than"),
        ({"kind": "gauge", "low": 0, "high": 1, "margin": 2}, "margin"), ({"kind": "ratio", "weight": "x"}, "number"),
        ({"kind": "burn", "slo": 99.9}, "slo"), ({"kind": "ratio"}, "weight"),
        ({"method": "magic"}, "method"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_spec_is_told_before_anything_runs(field, text):
    found = [each.text for each in check_spec(a_run(**field)) if each.severity == "error"]

    assert any(text in each for each in found)
    with pytest.raises(AnalysisError):
        read_metrics(a_run(**field))


def test_a_service_without_any_series_says_so():
    metric, service = read_metrics(a_run())[0], Service()
    service.prometheus = FakePrometheus()
    state, _ = look(metric, MetricState("errors"), service)
    service.now_s += 100
    state, _ = look(metric, state, service)

    assert state.measurements[-1].phase is Phase.INCONCLUSIVE
    assert state.measurements[-1].message


@pytest.mark.parametrize(("canary", "phase"), [(0.05, Phase.FAILED), (0.01, Phase.SUCCESSFUL)])
def test_kayentas_judge_may_be_asked_for_by_name(canary, phase):
    verdict, state, _ = judged(Service(seed=2), canary, run=a_run(method="kayenta", minTime="3m"))

    assert verdict.phase is phase
    assert len(state.metadata["memory"]) <= 2048
    assert "Kayenta says" in state.measurements[-1].message


def test_what_an_older_version_remembered_is_read_without_what_came_later():
    kept = ErrorsKept(1, 10.0, errors.begin(Terms()))
    text = dumps(kept)

    assert '"held":[]' in text
    assert loads(ErrorsKept, text.replace(',"held":[]', "")) == kept
    with pytest.raises(ValueError, match="looks"):
        loads(ErrorsKept, text.replace('"looks":0,', ""))
