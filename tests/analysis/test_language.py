"""Conditions mean here what they mean to expr-lang: a corpus of its verdicts, and the bounds it runs in."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.language import PATTERNS_MAX, Floats, go_text, program
from analysis.language.values import Time

CORPUS = Path(__file__).with_name("corpus.jsonl")
NOW_NS = 1_700_000_000_000_000_000


def result_of(kind: str, given: Any) -> Any:
    """The result as a provider hands it over: numbers of JSON are floats, as in Go."""
    if kind == "nil":
        return None
    if kind == "floats":
        return Floats(float(text) for text in given)
    return float(given) if kind == "float" else json.loads(json.dumps(given), parse_int=float)


def outcome(expression: str, result: Any) -> tuple[str, str]:
    """("error", "") or ("value", text)."""
    try:
        found = program(expression).run(result, now_ns=NOW_NS)
    except AnalysisError:
        return "error", ""
    return "value", "" if isinstance(found, Time) else go_text(found)


def test_every_verdict_of_the_corpus_is_gos():
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]

    wrong = []
    for row in rows:
        found = outcome(row["expression"], result_of(row["kind"], row["result"]))
        is_date = (found == ("value", "") and row.get("value", "").endswith("UTC")) or "date(" in row["expression"]
        wanted = ("error", "") if "error" in row else ("value", found[1] if is_date else row["value"])
        if found != wanted:
            wrong.append((row, found))

    assert len(rows) > 2000
    assert wrong == []


@pytest.mark.parametrize(
    ("expression", "result", "said"),
    [
        ("result[0] >= 0.9", Floats(), "index out of range: 0 (array length is 0)"),
        ("result.b > 1", {"a": 1.0}, "invalid operation: <nil> > int"),
        ("asInt(result) > 4", "x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("result[0] == 'a'", Floats([1]), "invalid operation: == (mismatched types float64 and string)"),
        ("result.x.y", {"a": 1.0}, "cannot fetch y from <nil>"),
        ("foo > 1", None, "unknown name foo"),
        ("result >", None, "unexpected token EOF"),
    ],
)
def test_an_error_is_told_in_gos_words(expression, result, said):
    with pytest.raises(AnalysisError) as refused:
        program(expression).run(result, now_ns=NOW_NS)

    assert said == str(refused.value)


def test_a_condition_must_come_to_a_boolean():
    with pytest.raises(AnalysisError, match="expected bool, but got float64"):
        program("result[0]").judge(Floats([1]), now_ns=NOW_NS)


@pytest.mark.parametrize(
    "expression",
    [
        "__class__", "().__subclasses__()", "result.__class__.__mro__", "lambda: 1", "__import__('os')",
        "f'{result}'", "import os", "[x for x in result]", "result.append(1)", "exec('1')",
    ],
)  # fmt: skip
def test_python_is_not_in_the_grammar(expression):
    with pytest.raises(AnalysisError):
        program(expression).judge(Floats([1]), now_ns=NOW_NS)


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "!" * 5_000 + "true",
        "1" + " + 1" * 2_000,
        "x" * (1 << 20),
        "[" * 200,
        "let a = 1; " * 100 + "a",
        "1 ** " * 500 + "1",
        "true ? " * 300 + "1",
        '"' + "é" * 5_000 + '" == ""',
    ],
)
def test_what_is_too_big_is_refused_before_it_is_read(expression):
    began = time.perf_counter()

    with pytest.raises(AnalysisError):
        program(expression)

    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    "expression",
    [
        "repeat('x', 1000000000) == ''",
        "9 ** 9 ** 9 ** 9 > 1e300 && all(1..1000000, # > 0)",
        "1..1000000000 | len() > 0",
        "all(1..1000, all(1..1000, # > 0))",
        "reduce(1..1000, #acc + #acc, 'x') == ''",
        "any(1..100000, repeat('a', 10000) matches '(a+)+b$')",
        "sort(map(1..300000, -#))[0] == 1",
        "uniq(1..100000) == []",
    ],
)
def test_an_expensive_evaluation_runs_out_of_fuel(expression):
    began = time.perf_counter()

    with pytest.raises(AnalysisError, match="memory budget exceeded"):
        program(expression).judge(None, now_ns=NOW_NS)

    assert time.perf_counter() - began < 3.0


LONG, MANY = "let s = repeat('a', 1000000);", "let s = 1..50000;"


@pytest.mark.parametrize(
    "expression",
    [
        f"{LONG} len(map(1..40000, upper(s))) > 0",
        f"{LONG} len(map(1..40000, indexOf(s, 'b'))) > 0",
        f"{MANY} len(map(1..40000, reverse(s))) > 0",
        f"{MANY} len(map(1..40000, take(s, 50000))) > 0",
        "len(map(1..49000, date('Mon, 02 Jan 2006 15:04:05 MST'))) > 0",
        "len(map(1..49000, now().Format('Monday, 02-Jan-06 15:04:05 MST 2006-01-02T15:04:05.999999999'))) > 0",
        "len(filter(1..30000, 'x' matches (string(#) + '((a{30}){30}|(b{30}){30})'))) > 0",
    ],
)
def test_what_is_asked_again_and_again_costs_what_it_takes(expression):
    began = time.perf_counter()

    with pytest.raises(AnalysisError, match="memory budget exceeded"):
        program(expression).judge(None, now_ns=NOW_NS)

    assert time.perf_counter() - began < 3.0


def test_regular_expressions_are_few():
    one = "result matches 'a'"

    assert program(" or ".join([one] * PATTERNS_MAX)).judge("a", now_ns=NOW_NS) is True
    with pytest.raises(AnalysisError, match="more than 16 regular expressions"):
        program(" or ".join([one] * (PATTERNS_MAX + 1)))


@pytest.mark.parametrize(
    ("expression", "result", "says"),
    [
        ("date(result) < now()", "02 Foo 20 15:04 UTC", "invalid date"),
        ("date(result, '02 Jan 06').Year() > 0", "02 Foo 20", "out of range"),
        ("date(result, 'Monday Monday').Year() > 0", "Monday Monday", "parsing time"),
        ("now().In(result ?? 1).Year() > 0", "UTC", "reflect: Call using string for In"),
        ("reduce(1..60, #acc + duration('2000000h'), now()).In(timezone('UTC')).Year() > 0", None, "date out of range"),
    ],
)
def test_a_date_that_is_none_is_an_error_in_words(expression, result, says):
    with pytest.raises(AnalysisError, match=says):
        program(expression).judge(result, now_ns=NOW_NS)


def test_half_a_letter_is_counted_like_any_other():
    assert program("indexOf(result, 'b') == 3").judge("\ud800b", now_ns=NOW_NS) is True


def test_a_regular_expression_takes_linear_time():
    assert program("repeat('a', 40) + 'b' matches '^(a+)+$'").judge(None, now_ns=NOW_NS) is False


DOUBLED = "reduce(1..60, [#acc, #acc], [1])"


@pytest.mark.parametrize(
    "expression",
    [
        f"{DOUBLED} == {DOUBLED}",
        f"{DOUBLED} != {DOUBLED}",
        f"{DOUBLED} in [{DOUBLED}]",
        f"len(uniq([{DOUBLED}, {DOUBLED}])) == 1",
        f'string({DOUBLED}) == ""',
        f'toJSON({DOUBLED}) == ""',
        f"len(flatten({DOUBLED})) > 1",
        f"asInt({DOUBLED}) > 1",
        f"fromPairs([{DOUBLED}]) == {{}}",
        f"{{}}[{DOUBLED}]",
        "len(string(map(1..1000, {result}))) > 1",
    ],
)
def test_a_value_that_holds_itself_over_and_over_is_paid_for_before_it_is_walked(expression: str) -> None:
    started = time.perf_counter()
    with pytest.raises(AnalysisError):
        program(expression).run("x" * 1_000_000, now_ns=NOW_NS)

    assert time.perf_counter() - started < 5


def test_now_is_the_moment_of_the_judgement():
    assert program("now().Unix() == 1700000000").judge(None, now_ns=NOW_NS)
    assert program("now() - duration('1h') < now()").judge(None, now_ns=NOW_NS)


WORDS = st.sampled_from(
    [
        "result", "[", "]", "(", ")", "{", "}", "#", ".", "?.", "??", "?", ":", ",", ";", "|", "+", "-", "*", "/", "%",
        "**", "..", "==", "<", ">=", "and", "or", "not", "in", "matches", "let x =", "if", "else", "1", "2.5", "'a'",
        "nil", "true", "len(", "all(", "filter(result,", "map(result,", "date('2023-08-14')", ".Year()", "x", "a",
        "reduce(", "sum(", "#acc", "#index", "$env", "now()", "duration('1h')", "fromJSON('[1]')", " ",
    ]
)  # fmt: skip
RESULTS = st.sampled_from(
    [None, Floats(), Floats([1.0]), Floats([float("nan"), 2.0]), {"a": 1.0, "b": [1.0, "x", None]}, "5", True, 0.5, []]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=25).map(" ".join) | st.text(max_size=60), RESULTS)
def test_no_expression_breaks_out(expression, result):
    try:
        program(expression).run(result, now_ns=NOW_NS)
    except AnalysisError as error:
        assert str(error)
