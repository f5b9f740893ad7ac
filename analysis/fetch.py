"""Questions put to a real Prometheus, for use without a controller. The only I/O of this package beside `__main__`.

`prometheus-api-client` (the extra `fetch`) speaks HTTP here; a controller has an HTTP path of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from analysis.asks import HttpReply, PromQueries, PromQuery, Question
from analysis.errors import AnalysisError

REDIRECTS_MAX = 3
BODY_BYTES_MAX = 16 * 1024 * 1024


def fetch(question: Question) -> HttpReply | tuple[HttpReply, ...]:
    """The server's answer, or its answers to several queries. Raises AnalysisError where there is none."""
    if isinstance(question, PromQueries):
        return tuple(_fetched(query) for query in question.queries)
    if not isinstance(question, PromQuery):
        raise AnalysisError("only metrics out of Prometheus are fetched here; the controller asks the others")
    return _fetched(question)


def _fetched(question: PromQuery) -> HttpReply:
    try:
        from prometheus_api_client import PrometheusConnect
    except ImportError:
        raise AnalysisError('asking Prometheus needs the extra "fetch": pip install "rollouts[fetch]"') from None
    if question.oauth2:
        raise AnalysisError("OAuth2 is served by the controller alone; use a bearer token here")
    headers = dict(question.headers)
    if question.bearer:
        headers["Authorization"] = f"Bearer {question.bearer}"
    auth = (question.basic.username, question.basic.password) if question.basic else None
    client = PrometheusConnect(
        url=question.url,
        headers=headers,
        disable_ssl=question.insecure,
        auth=auth,
        timeout=int(question.timeout_s) or 1,
    )
    session: Any = client._session  # the connection with the client's own retries, TLS options and authentication
    session.max_redirects = REDIRECTS_MAX
    try:
        reply = session.post(
            question.endpoint,
            data=dict(question.form),
            headers=headers,
            auth=auth,
            verify=not question.insecure,
            timeout=question.timeout_s,
        )
    except OSError as error:  # requests' errors are OSErrors
        raise AnalysisError(f"{type(error).__name__}: {question.url} did not answer") from None
    if len(reply.content) > BODY_BYTES_MAX:
        raise AnalysisError(f"the answer is larger than {BODY_BYTES_MAX} bytes")
    return HttpReply(reply.status_code, reply.content)


def clock() -> float:
    """The time on the wall, seconds since the epoch."""
    return time.time()


def sleep_until(moment_s: float, now: Callable[[], float] = clock) -> None:
    """Wait until a moment has come."""
    while (rest_s := moment_s - now()) > 0:
        time.sleep(min(rest_s, 60.0))
