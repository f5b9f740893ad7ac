"""Prometheus: what is asked, and what its answers mean."""

from __future__ import annotations

import json
import math

import pytest

from analysis.asks import BasicAuth, HttpReply, OAuth2, SecretRef, fill, slot
from analysis.errors import AnalysisError
from analysis.language import Floats
from analysis.providers import Surroundings
from analysis.providers.prometheus import POINTS_MAX, ask, metadata, read

NOW_S = 1_700_000_000.0


def asked(**spec):
    return ask({"address": "http://prom:9090", "query": "up", **spec}, Surroundings(NOW_S))


def refusal(call, *given, **named):
    with pytest.raises(AnalysisError) as refused:
        call(*given, **named)
    return str(refused.value)


def success(kind, result, **fields):
    return HttpReply(200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **fields}))


def series(value, **labels):
    return {"metric": labels, "value": [NOW_S, value]}


def test_a_vector_is_a_list_of_its_values():
    reading = read(success("vector", [series("0.95", pod="a"), series("1", pod="b")]))

    assert reading.value == Floats([0.95, 1.0])
    assert isinstance(reading.value, Floats)
    assert reading.text == "[0.95,1]"
    assert reading.metadata == {"series": "2"}


def test_an_empty_vector_is_an_empty_list():
    reading = read(success("vector", []))

    assert (reading.value, reading.text) == (Floats(), "[]")


def test_a_scalar_is_a_number():
    assert read(success("scalar", [NOW_S, "1e-07"])).text == "0.0000001"
    assert read(success("scalar", [NOW_S, "42"])).value == 42.0


def test_numbers_that_are_none_are_written_as_go_writes_them():
    reading = read(success("vector", [series("NaN"), series("+Inf"), series("-Inf")]))

    assert reading.text == "[NaN,+Inf,-Inf]"
    assert math.isnan(reading.value[0])
    assert reading.value[1:] == [math.inf, -math.inf]


def test_a_matrix_is_all_its_samples_in_one_list():
    rows = [{"metric": {}, "values": [[1, "1"], [2, "2"]]}, {"metric": {}, "values": [[1, "3"]]}]

    assert read(success("matrix", rows)).value == [1.0, 2.0, 3.0]


def test_warnings_are_shown_beside_the_measurement():
    reading = read(success("vector", [series("1")], warnings=["partial response", "slow store"]))

    assert reading.metadata == {"warnings": '"partial response", "slow store"'}


NO_JSON = "bad_response: the answer is not JSON of the Prometheus API"
HISTOGRAM = {"metric": {}, "histogram": [NOW_S, {"count": "10", "sum": "3", "buckets": []}]}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            HttpReply(400, b'{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected end"}'),
            "bad_data: 1:3: parse error: unexpected end",
        ),
        (
            HttpReply(422, b'{"status":"error","errorType":"execution","error":"many-to-many matching"}'),
            "execution: many-to-many matching",
        ),
        (HttpReply(503, b"<html>try later</html>"), "server_error: server error: 503"),
        (HttpReply(404, b"404 page not found"), "client_error: client error: 404"),
        (HttpReply(302, b""), "server_error: server error: 302"),
        (HttpReply(200, b"<html>login</html>"), NO_JSON),
        (HttpReply(200, b""), NO_JSON),
        (HttpReply(200, b'{"status":"success","data":{"resu'), NO_JSON),
        (HttpReply(200, b'{"status":"success"}'), "bad_response: the answer has no data"),
        (HttpReply(200, b"[" * 100_000), NO_JSON),
        (success("string", [NOW_S, "x"]), "Prometheus metric type not supported: string"),
        (success("streams", []), "Prometheus metric type not supported: streams"),
        (success("vector", [HISTOGRAM]), "Prometheus metric type not supported: native histogram"),
        (success("vector", [series("x")]), "bad_response: a sample is not a time and a number"),
        (success("vector", [{"metric": {}, "value": [NOW_S, 1]}]), "bad_response: a sample is not a time and a number"),
        (
            success("matrix", [{"metric": {}, "values": [[1, "1"], [1, "2"]]}]),
            "bad_response: a series has two samples at one time",
        ),
        (success("vector", None), "bad_response: a vector without result"),
    ],
)  # fmt: skip
def test_what_is_no_measurement_is_an_error(answer, said):
    assert refusal(read, answer) == said


@pytest.mark.parametrize(
    "address",
    [
        "prom:9090", "ftp://prom", "http://[::1", "http://", "http://prom:99999", "http://prom\r\nX: y", "prom",
        "http://pr om", "http://" + "a" * 300_000, "//prom", "http://prom:0", "http://prom?x=1",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused_before_anything_is_sent(address):
    said = refusal(asked, address=address)

    assert said.startswith("prometheus address is not a URL")
    assert len(said) < 400


def test_an_address_may_come_from_the_surroundings():
    assert refusal(asked, address="") == "prometheus address is not configured"
    assert ask({"query": "up"}, Surroundings(NOW_S, "http://default:9090/")).url == "http://default:9090"


def test_what_stands_before_the_at_sign_is_never_shown():
    question = asked(address="https://me:pa55@prom:9090/prefix/")

    assert question.url == "https://prom:9090/prefix"
    assert question.basic == BasicAuth("me", "pa55")
    for address in ("ftp://me:pa55@prom", "me:pa55@prom:9090", "http://me:pa55@prom:99999", "http://me:pa55@[::1"):
        assert "pa55" not in refusal(asked, address=address)
    for address in ("https://prom/?token=pa55", "ftp://prom?token=pa55", "http://prom:x/#pa55"):
        assert "pa55" not in refusal(asked, address=address)


def test_an_address_may_hold_secrets():
    host, password = SecretRef("prom", "host"), SecretRef("prom", "password")
    question = asked(address=f"https://me:{slot(password)}@{slot(host)}:9090/x")

    filled = fill(question, {host: "prom.example", password: "p/@:5"})

    assert filled.url == "https://prom.example:9090/x"
    assert filled.basic == BasicAuth("me", "p/@:5")
    assert fill(asked(address=slot(host)), {host: "http://prom"}).url == "http://prom"


def test_headers_authentication_and_options_travel_with_the_question():
    question = asked(
        headers=[{"key": "X-Scope-OrgID", "value": "tenant"}],
        authentication={"basicAuth": {"username": "u", "password": "p"}},
        insecure=True,
        timeout=5,
    )
    oauth2 = {"tokenUrl": "https://idp/token", "clientId": "id", "clientSecret": "s", "scopes": ["a"]}

    assert question.headers == (("X-Scope-OrgID", "tenant"),)
    assert question.basic == BasicAuth("u", "p")
    assert (question.insecure, question.timeout_s) == (True, 5.0)
    assert asked().timeout_s == 30.0
    assert asked(authentication={"oauth2": oauth2}).oauth2 == OAuth2("https://idp/token", "id", "s", ("a",))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"headers": [{"key": "X", "value": "a\r\nHost: b"}]},
            "prometheus header X has control characters in its value",
        ),
        ({"headers": [{"key": "X Y", "value": "a"}]}, "prometheus header name 'X Y' is not valid"),
        ({"timeout": -1}, "prometheus timeout should be a positive number of seconds, got -1"),
        ({"query": "  "}, "prometheus query is empty"),
        (
            {"authentication": {"oauth2": {"clientId": "id"}}},
            "missing mandatory parameter in metric for OAuth2 setup: tokenUrl, clientSecret",
        ),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(spec, said):
    assert refusal(asked, **spec) == said


def ranged(start="now() - duration('5m')", end="now()", step="1m"):
    return asked(rangeQuery={"start": start, "end": end, "step": step})


def test_the_bounds_of_a_range_are_expressions_of_the_moment():
    question = ranged()

    assert (question.kind, question.start_s, question.end_s, question.step_s) == ("range", NOW_S - 300, NOW_S, 60.0)
    assert ranged("date('2023-11-14')").start_s == 1_699_920_000.0


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"start": "now()", "end": "now() - duration('1h')"}, "rangeQuery.start must not be after rangeQuery.end"),
        ({"step": "0s"}, "rangeQuery.step must be greater than 0"),
        ({"step": "1"}, 'failed to parse rangeQuery.step as duration: time: missing unit in duration "1"'),
        ({"start": "'x'"}, "failed to evaluate rangeQuery.start: expected time, but got string"),
        ({"end": "soon"}, "failed to evaluate rangeQuery.end: unknown name soon"),
        ({"start": ""}, "failed to evaluate rangeQuery.start: unexpected token EOF"),
    ],
)
def test_a_range_that_makes_no_sense_is_not_asked(bounds, said):
    assert refusal(ranged, **bounds) == said


def test_a_range_has_as_many_points_as_the_server_allows():
    assert ranged(f"now() - duration('{POINTS_MAX - 1}s')", step="1s").step_s == 1.0
    assert f"more than {POINTS_MAX}" in refusal(ranged, f"now() - duration('{POINTS_MAX}s')", step="1s")
    assert "points" in refusal(ranged, "now() - duration('1000000s')", step="1ms")


def test_the_query_is_shown_as_it_was_asked():
    assert metadata({"query": f"up{slot(SecretRef('a', 'b'))}"}) == {"ResolvedPrometheusQuery": "up*****"}
