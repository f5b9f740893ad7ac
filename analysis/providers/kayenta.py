"""Kayenta: a canary analysis judged elsewhere, by its score.

Source: Kayenta's HTTP API (`/canaryConfig`, `/canary/{config}`, `/canary/{id}`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.asks import HttpCall, KayentaRun, json_text
from analysis.errors import AnalysisError
from analysis.phase import Phase
from analysis.providers.base import Judged, Provider, Reading, Surroundings
from analysis.providers.connection import base_address, json_of, needed, number, part, said

WHO = "kayenta"
SCOPES_MAX = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ask(spec: Mapping[str, Any], around: Surroundings) -> KayentaRun:
    """The three requests of one judgement."""
    address, userinfo = base_address(str(spec.get("address") or ""), WHO)
    _thresholds(spec)
    accounts = (
        ("application", needed(spec, "application", WHO)),
        ("metricsAccountName", str(spec.get("metricsAccountName") or "")),
        ("configurationAccountName", str(spec.get("configurationAccountName") or "")),
        ("storageAccountName", str(spec.get("storageAccountName") or "")),
    )
    given = {name: value for name, value in accounts if value}
    # As in the contract, configurations are looked for in the account that stores them where none is named for it.
    found_in = given.get("configurationAccountName") or given.get("storageAccountName")
    headers = (("Content-Type", "application/json"),)
    find = HttpCall(
        f"{address}/canaryConfig",
        params=(
            ("application", given["application"]),
            *((("configurationAccountName", found_in),) if found_in else ()),
        ),
        basic=userinfo,
    )
    start = HttpCall(
        f"{address}/canary/{{config}}", "POST", tuple(given.items()), headers, _body(spec, around), basic=userinfo
    )
    poll = HttpCall(
        f"{address}/canary/{{id}}",
        params=tuple((name, given[name]) for name in ("storageAccountName",) if name in given),
        basic=userinfo,
    )
    return KayentaRun(find, start, poll, needed(spec, "canaryConfigName", WHO))


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """The score of a finished run. Raises AnalysisError for one that went wrong."""
    body = json_of(answer)
    if not isinstance(body, Mapping) or body.get("complete") is not True:
        raise AnalysisError("bad_response: the run is not complete")
    if str(body.get("status") or "succeeded").lower() != "succeeded":
        raise AnalysisError(f"kayenta: the run ended as {str(body.get('status'))[:64]}")
    try:
        score = number(body["result"]["judgeResult"]["score"]["score"])
    except (KeyError, TypeError):
        raise AnalysisError("bad_response: the result has no score") from None
    return Reading(score, said(score))


def judge(spec: Mapping[str, Any], answer: Any, memory: str, at_s: float) -> Judged:
    """Successful from `pass` on, Inconclusive from `marginal` on, else Failed."""
    reading = read(answer, spec)
    passing, marginal = _thresholds(spec)
    phase = Phase.SUCCESSFUL if reading.value >= passing else Phase.FAILED
    if marginal <= reading.value < passing:
        phase = Phase.INCONCLUSIVE
    return Judged(reading, phase, f"score {reading.text}, pass {passing:g}, marginal {marginal:g}", memory)


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """Which configuration judges."""
    return {"canaryConfigName": str(spec.get("canaryConfigName") or "")}


PROVIDER = Provider(ask, read, metadata, judge)


def _thresholds(spec: Mapping[str, Any]) -> tuple[float, float]:
    given = part(spec.get("threshold"), "threshold", WHO)
    passing, marginal = number(given.get("pass", 0)), number(given.get("marginal", 0))
    if not 0 <= marginal <= passing <= 100 or not passing:
        raise AnalysisError("kayenta threshold needs 0 <= marginal <= pass <= 100, and pass above 0")
    return passing, marginal


def _body(spec: Mapping[str, Any], around: Surroundings) -> str:
    scopes = spec.get("scopes")
    if not isinstance(scopes, list | tuple) or not scopes or len(scopes) > SCOPES_MAX:
        raise AnalysisError(f"kayenta scopes must be a list of 1 to {SCOPES_MAX}")
    named: dict[str, Any] = {}
    span = _span_s(spec, around)
    for scope in scopes:
        given = part(scope, "scopes", WHO)
        named[needed(given, "name", WHO)] = {
            side: _side(part(given.get(side), side, WHO), span) for side in ("controlScope", "experimentScope")
        }
    given = part(spec.get("threshold"), "threshold", WHO)
    threshold = {"pass": given.get("pass", 0), "marginal": given.get("marginal", 0)}
    return json_text({"scopes": named, "thresholds": threshold})


def _span_s(spec: Mapping[str, Any], around: Surroundings) -> tuple[float | None, float]:
    """What is compared where a scope names no times: all since the run began with lookback, else one interval."""
    if spec.get("lookback") is True:
        return around.began_s, around.now_s
    return None if around.interval_s is None else around.now_s - around.interval_s, around.now_s


def _side(given: Mapping[str, Any], span_s: tuple[float | None, float]) -> dict[str, Any]:
    region = given.get("region")  # Kayenta called it so once, and calls it location now
    asked = {
        "scope": needed(given, "scope", WHO), "region": region, "location": region, "step": given.get("step"),
        "start": given.get("start") or _moment(span_s[0]), "end": given.get("end") or _moment(span_s[1]),
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value not in (None, "")}


def _moment(at_s: float | None) -> str | None:
    return None if at_s is None else (_EPOCH + timedelta(seconds=int(at_s))).strftime("%Y-%m-%dT%H:%M:%SZ")
