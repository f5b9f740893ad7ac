"""Any HTTP endpoint that answers JSON, or plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonpath

from analysis.asks import HttpCall, json_text, shown
from analysis.errors import AnalysisError
from analysis.providers import jsonpaths
from analysis.providers.base import Provider, Reading, Surroundings
from analysis.providers.connection import base_address, body_of, finite, floats, headers_of, login, needed, said, whole

WHO = "web"
METHODS = ("GET", "POST", "PUT")
TIMEOUT_S, TIMEOUT_S_MAX = 10.0, 300.0
PATH_CHARS_MAX = 2048
DEPTH_MAX = 64


def ask(spec: Mapping[str, Any], around: Surroundings) -> HttpCall:
    """The request of a metric's spec."""
    _path(spec)
    method = str(spec.get("method") or "GET").upper()
    if method not in METHODS:
        raise AnalysisError(f"web method must be one of {', '.join(METHODS)}, got {method[:16]}")
    url = needed(spec, "url", WHO)
    address, _, query = url.partition("?")
    plain, userinfo = base_address(address, WHO)
    headers = list(headers_of(spec.get("headers") or (), WHO))
    body = _body(spec)
    if body and method == "GET":
        raise AnalysisError("web body and jsonBody need method POST or PUT")
    if spec.get("jsonBody") is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    basic, oauth2, sigv4 = login(spec, WHO, service="execute-api")
    return HttpCall(
        url=f"{plain}?{query}" if query else plain,
        method=method,
        headers=tuple(headers),
        body=body,
        basic=basic or userinfo,
        oauth2=oauth2,
        sigv4=sigv4,
        insecure=spec.get("insecure") is True,
        timeout_s=_timeout_s(spec),
    )


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """What stands at jsonPath in the answer; an answer that is no JSON is a text."""
    body = body_of(answer)
    try:
        document = _document(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        text = body.decode(errors="replace")
        return Reading(text, text)
    source, path = _path(spec)
    try:
        found = jsonpaths.found(path, document)
    except (AnalysisError, jsonpath.JSONPathError, RecursionError) as error:
        raise AnalysisError(f"web jsonPath {source}: {_line(error)}") from None
    if not found:
        raise AnalysisError(f"Could not find JSONPath in body: nothing at {source}")
    value = found[0] if len(found) == 1 else found
    return Reading(floats(value), said(value))


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """Nothing: the URL may hold arguments that are nobody's business."""
    return {}


def _document(body: bytes) -> Any:
    """The JSON of an answer. Raises ValueError for what is none, AnalysisError for what reads in more ways than one."""
    try:
        document = json.loads(
            body, parse_constant=_refused, parse_float=finite, parse_int=whole, object_pairs_hook=_plain
        )
    except RecursionError:
        raise AnalysisError("bad_response: the answer is nested too deeply") from None
    if _is_deep(document):
        raise AnalysisError(f"bad_response: the answer is nested more than {DEPTH_MAX} deep")
    return document


def _refused(word: str) -> Any:
    raise AnalysisError(f"bad_response: {word} is no JSON")


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AnalysisError("bad_response: an object of the answer has one key twice")
    return found


def _is_deep(document: Any) -> bool:
    layer = [document]
    for _ in range(DEPTH_MAX):
        layer = [
            inner
            for each in layer
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return any(isinstance(each, dict | list) for each in layer)


PROVIDER = Provider(ask, read, metadata)


def _path(spec: Mapping[str, Any]) -> tuple[str, jsonpath.JSONPath]:
    """`{$.a.b}` as kubectl writes it, or `$.a.b`."""
    source = str(spec.get("jsonPath") or "{$}").strip()
    inner = source.removeprefix("{").removesuffix("}").strip() if source.startswith("{") else source
    if len(inner) > PATH_CHARS_MAX:
        raise AnalysisError(f"web jsonPath has more than {PATH_CHARS_MAX} characters")
    try:
        return source, jsonpaths.compiled(inner if inner.startswith("$") else f"${inner}")
    except (AnalysisError, jsonpath.JSONPathError) as error:
        raise AnalysisError(f"web jsonPath {shown(source)[:64]}: {_line(error)}") from None


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:128]


def _body(spec: Mapping[str, Any]) -> str:
    text, document = str(spec.get("body") or ""), spec.get("jsonBody")
    if text and document is not None:
        raise AnalysisError("use either body or jsonBody; both cannot exists for WebMetric payload")
    return text if document is None else json_text(document)


def _timeout_s(spec: Mapping[str, Any]) -> float:
    value = spec.get("timeoutSeconds") or 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise AnalysisError(f"web timeoutSeconds should be a positive number, got {str(value)[:64]}")
    return min(float(value), TIMEOUT_S_MAX) or TIMEOUT_S
