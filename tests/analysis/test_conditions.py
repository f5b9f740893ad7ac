"""The contract's table of verdicts, row by row."""

from __future__ import annotations

import math

import pytest

from analysis.check import check_spec
from analysis.conditions import assess, conditions
from analysis.errors import AnalysisError
from analysis.language import Floats
from analysis.phase import Phase

NAN = Floats([math.nan])
NO_DATA = "metric result is nil or empty: no data returned from the metric provider"


@pytest.mark.parametrize(
    ("result", "success", "failure", "phase"),
    [
        (Floats([1]), "", "", Phase.SUCCESSFUL),
        (None, "", "", Phase.SUCCESSFUL),
        (Floats([0.95]), "result[0] >= 0.9", "result[0] >= 0.9", Phase.FAILED),
        (NAN, "result[0] >= 0.9", "", Phase.FAILED),
        (NAN, "", "result[0] < 0.9", Phase.SUCCESSFUL),
        (NAN, "result[0] >= 0.9", "result[0] < 0.5", Phase.INCONCLUSIVE),
        (NAN, "isNaN(result[0]) || result[0] >= 0.9", "", Phase.SUCCESSFUL),
        (Floats(), "result[0] >= 0.9", "", Phase.ERROR),
        (Floats(), "len(result)==0 || result[0] >= 0.9", "", Phase.SUCCESSFUL),
        (Floats(), "default(result,0)==0", "", Phase.FAILED),
        (Floats(), "isNil(result)", "", Phase.FAILED),
        (Floats(), "all(result, # > 1)", "", Phase.SUCCESSFUL),
        (Floats(), "any(result, # > 1)", "", Phase.FAILED),
        (None, "default(result,1)==1", "", Phase.SUCCESSFUL),
        (None, "isNil(result)", "", Phase.SUCCESSFUL),
        (None, "result > 1", "", Phase.ERROR),
        (Floats([1]), "result[0]", "", Phase.ERROR),
        ("5", "asInt(result) > 4", "", Phase.SUCCESSFUL),
        ("x", "asInt(result) > 4", "", Phase.ERROR),
        ({"a": 1.0}, "result.b == 1", "", Phase.FAILED),
        ({"a": 1.0}, "result.b > 1", "", Phase.ERROR),
        (Floats([0.7]), "result[0] >= 0.9", "result[0] < 0.5", Phase.INCONCLUSIVE),
        (Floats([0.99]), "", "result[0] < 0.9", Phase.SUCCESSFUL),
        (Floats([0.5]), "", "result[0] < 0.9", Phase.FAILED),
    ],
)
def test_a_result_is_judged_as_the_reference_judges_it(result, success, failure, phase):
    assert assess(result, conditions(success, failure), 0)[0] is phase


@pytest.mark.parametrize(
    ("result", "condition", "cause"),
    [
        (Floats(), "result[0] >= 0.9", NO_DATA),
        (None, "result > 1", NO_DATA),
        (Floats([1]), "result[0]", "expected bool, but got float64"),
        ("x", "asInt(result) > 4", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"a": 1.0}, "result.b > 1", "invalid operation: <nil> > int"),
    ],
)
def test_an_error_names_the_condition_and_the_cause(result, condition, cause):
    said = assess(result, conditions(condition, ""), 0)[1]

    assert said == f'could not evaluate successCondition "{condition}": {cause}'


@pytest.mark.parametrize("result", [None, Floats(), NAN, Floats([math.nan, math.nan])])
@pytest.mark.parametrize(
    ("said", "phase"),
    [("inconclusive", Phase.INCONCLUSIVE), ("fail", Phase.FAILED), ("pass", Phase.SUCCESSFUL)],
)
def test_no_data_decides_where_nothing_was_measured(result, said, phase):
    assert assess(result, conditions("result[0] >= 0.9", "", said), 0)[0] is phase
    assert assess(Floats([1]), conditions("result[0] >= 0.9", "", said), 0)[0] is Phase.SUCCESSFUL


def test_a_condition_that_does_not_compile_is_named_at_once():
    with pytest.raises(AnalysisError, match=r'failureCondition "result\[" does not compile: unexpected token EOF'):
        conditions("true", "result[")


def warnings_of(query="sum(rate(errors[1m]))", **fields):
    metric = {"name": "m", "provider": {"prometheus": {"address": "http://p", "query": query}}, **fields}
    return [finding.text for finding in check_spec({"metrics": [metric]})]


def test_lint_tells_of_verdicts_on_missing_data():
    assert warnings_of(successCondition="result[0] >= 0.9") == [
        "metrics[0]: this metric fails on NaN (no requests, say)"
    ]
    assert warnings_of(failureCondition="result[0] < 0.9") == [
        "metrics[0]: this metric passes on NaN (no requests, say)"
    ]
    assert warnings_of(successCondition="all(result, # < 1)") == [
        "metrics[0]: this metric passes on an empty answer ([])",
        "metrics[0]: this metric fails on NaN (no requests, say)",
    ]
    assert warnings_of()[0].startswith("metrics[0]: neither successCondition nor failureCondition is set")


def test_lint_is_silent_where_the_author_thought_of_missing_data():
    assert warnings_of(successCondition="isNaN(result[0]) || result[0] < 1") == []
    assert warnings_of(successCondition="result[0] >= 0.9", noData="inconclusive") == []


def test_lint_hints_at_a_query_that_may_give_several_series():
    said = warnings_of("up", successCondition="isNaN(result[0]) || result[0] == 1")

    assert said == ["metrics[0]: result[0] is one of several series if the query gives several"]
