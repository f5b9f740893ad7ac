"""The PromQL of analysis templates: values by hand, refusals by name, and the real Prometheus as judge where it is."""

from __future__ import annotations

import math

import pytest

from rollouts.devplane.metrics import SeriesStore, number_text
from rollouts.devplane.promeval import evaluate
from rollouts.devplane.promql import PromqlError, parse

NOW_S = 1_000.0


def steady(store: SeriesStore, per_second: dict[tuple[str, str], float]) -> None:
    """A minute of counters that grow evenly, scraped each second; keys are (version, code)."""
    for second in range(61):
        store.scrape(
            NOW_S - 60 + second - 0.5,
            [("requests", {"version": v, "code": c}, 100 + rate * second) for (v, c), rate in per_second.items()],
        )


@pytest.fixture
def store() -> SeriesStore:
    store = SeriesStore()
    steady(store, {("stable", "200"): 95.0, ("canary", "200"): 3.5, ("canary", "500"): 1.5})
    return store


def number(store: SeriesStore, query: str) -> float | None:
    """The one value of a query, None where it has none."""
    value = evaluate(parse(query), store, NOW_S)
    if isinstance(value, float):
        return value
    assert len(value) <= 1, value
    return next(iter(value.values()), None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("1 + 2 * 3 ^ 2", 19.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("(1 + 2) * 3 % 5", 4.0),
        ("1 / 0", math.inf),
        ("0x10", 16.0),
        ("1 < bool 2", 1.0),
        ("time()", NOW_S),
        ('requests{version="stable"}', 95 * 60 + 100),
        ('rate(requests{version="stable"}[30s])', 95.0),
        ('increase(requests{code="500"}[30s])', 45.0),
        ('sum(rate(requests{version="canary"}[30s]))', 5.0),
        ('sum(rate(requests{version="canary", code!~"5.."}[30s])) / sum(rate(requests{version="canary"}[30s]))', 0.7),
        ('sum by (version) (rate(requests{code="500"}[30s]))', 1.5),
        ('sum(rate(requests{code="404"}[30s])) or vector(0)', 0.0),
        ('scalar(sum(rate(requests{code="404"}[30s])))', math.nan),
        ("count(requests)", 3.0),
        ("max(requests) > 5000", 95 * 60 + 100),
        ("max(requests) > 9000", None),
        ("max(requests) > bool 9000", 0.0),
        ('absent(requests{version="none"})', 1.0),
        ("clamp_max(sum(rate(requests[30s])), 50)", 50.0),
        ("clamp(vector(7), 1, 5)", 5.0),
        ('requests{version="stable"} offset 10s', 95 * 50 + 100),
        ("round(vector(2.5))", 3.0),
    ],
)
def test_a_query_has_the_value_that_one_computes_by_hand(store: SeriesStore, query: str, expected: float | None):
    value = number(store, query)

    assert value == expected or value == pytest.approx(expected, nan_ok=True)


def test_the_sides_of_a_division_are_paired_by_their_labels(store: SeriesStore):
    value = evaluate(parse('requests{code="500"} / on (version) requests{code="200", version="canary"}'), store, NOW_S)

    assert value == {frozenset({("version", "canary")}): pytest.approx(190 / 310)}


def test_many_to_many_is_refused(store: SeriesStore):
    with pytest.raises(PromqlError, match="many-to-many"):
        evaluate(parse("requests / on () requests"), store, NOW_S)


def test_a_counter_that_starts_again_is_no_loss():
    store = SeriesStore()
    for second, value in enumerate((10, 20, 30, 5, 15, 25)):
        store.scrape(NOW_S - 6 + second + 0.5, [("c", {}, float(value))])

    assert number(store, "irate(c[10s])") == 10.0
    assert number(store, "rate(c[6s])") == pytest.approx(54 / 6, rel=0.1)


def test_a_series_that_is_no_longer_scraped_is_gone_at_once(store: SeriesStore):
    store.scrape(NOW_S - 0.1, [("requests", {"version": "stable", "code": "200"}, 1e6)])

    assert number(store, "count(requests)") == 1.0
    assert number(store, 'sum(rate(requests{code="500"}[30s]))') == pytest.approx(1.5, rel=0.05)


def test_a_quantile_lies_inside_its_bucket():
    store = SeriesStore()
    buckets = {"0.1": 50.0, "0.5": 90.0, "+Inf": 100.0}
    store.scrape(NOW_S, [("took_bucket", {"le": bound}, count) for bound, count in buckets.items()])

    assert number(store, "histogram_quantile(0.5, took_bucket)") == pytest.approx(0.1)
    assert number(store, "histogram_quantile(0.7, sum by (le) (took_bucket))") == pytest.approx(0.3)
    assert number(store, "histogram_quantile(0.99, took_bucket)") == 0.5


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("sum(", "unexpected 'end of input'"),
        ("requests{", "unexpected"),
        ("requests[5x]", "unexpected"),
        ("{}", "at least one non-empty matcher"),
        ("nothing(requests)", 'unknown function with name "nothing"'),
        ("rate(requests)", "expected type range vector"),
        ("requests[5m]", "expected type instant vector"),
        ("1 < 2", "BOOL modifier"),
        ("a / group_left b", "group_left is not part of the embedded PromQL"),
        ("a / on (x) group_left () b", "group_left is not part of the embedded PromQL"),
        ("rate(requests[5m:1m])", "subqueries are not part"),
        ('requests{version=~"("}', "error parsing regexp"),
        ("(" * 80 + "1" + ")" * 80, "nested deeper"),
        ("1" * 20_000, "at most 16384"),
        ("requests € 5", "unexpected character"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(store: SeriesStore, query: str, word: str):
    with pytest.raises(PromqlError) as refusal:
        evaluate(parse(query), store, NOW_S)

    assert word in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (3.0, "3"), (1e21, "1000000000000000000000"), (1e-7, "0.0000001"), (math.nan, "NaN"),
     (math.inf, "+Inf"), (-math.inf, "-Inf")],
)  # fmt: skip
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str):
    assert number_text(value) == text
