"""Kayenta: a canary analysis judged elsewhere, by its score.

Source: Kayenta's HTTP API (`/canaryConfig`, `/canary/{config}`, `/canary/{id}`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from analysis.asks import HttpCall, KayentaRun
from analysis.errors import AnalysisError
from analysis.phase import Phase
from analysis.providers.base import Judged, Provider, Reading, Surroundings
from analysis.providers.connection import base_address, json_of, needed, number, part, said

WHO = "kayenta"
SCOPES_MAX = 100


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
    headers = (("Content-Type", "application/json"),)
    find = HttpCall(
        f"{address}/canaryConfig",
        params=tuple((name, given[name]) for name in ("application", "configurationAccountName") if name in given),
        basic=userinfo,
    )
    start = HttpCall(f"{address}/canary/{{config}}", "POST", tuple(given.items()), headers, _body(spec), basic=userinfo)
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
    if str(body.get("status", "")).lower() != "succeeded":
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


def _body(spec: Mapping[str, Any]) -> str:
    scopes = spec.get("scopes")
    if not isinstance(scopes, list | tuple) or not scopes or len(scopes) > SCOPES_MAX:
        raise AnalysisError(f"kayenta scopes must be a list of 1 to {SCOPES_MAX}")
    named: dict[str, Any] = {}
    for scope in scopes:
        given = part(scope, "scopes", WHO)
        named[needed(given, "name", WHO)] = {
            side: _side(part(given.get(side), side, WHO)) for side in ("controlScope", "experimentScope")
        }
    given = part(spec.get("threshold"), "threshold", WHO)
    threshold = {"pass": str(given.get("pass", 0)), "marginal": str(given.get("marginal", 0))}
    return json.dumps({"scopes": named, "thresholds": threshold}, separators=(",", ":"))


def _side(given: Mapping[str, Any]) -> dict[str, Any]:
    asked = {
        "scope": needed(given, "scope", WHO), "location": given.get("region"), "step": given.get("step"),
        "start": given.get("start"), "end": given.get("end"),
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value not in (None, "")}
