"""The example's web server: answers with its version, and as badly as its tag says; counts for Prometheus."""

from __future__ import annotations

import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TAG = os.environ.get("TAG", "good-1")
ERRORS_IN_TEN = {"bad": 3, "broken": 10}.get(TAG.partition("-")[0], 0)

_lock = threading.Lock()
_answered: Counter[int] = Counter()


class Handler(BaseHTTPRequestHandler):
    """GET / answers, /healthz is the probe, /metrics is what Prometheus scrapes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == "/healthz":
            self._send(200, "ok\n")
        elif self.path == "/metrics":
            with _lock:
                lines = [f'http_requests_total{{code="{code}"}} {count}' for code, count in sorted(_answered.items())]
            self._send(200, "\n".join(["# TYPE http_requests_total counter", *lines, ""]))
        else:
            with _lock:
                # Spread evenly: of ten answers in a row, the last ERRORS_IN_TEN are errors.
                code = 500 if _answered.total() % 10 >= 10 - ERRORS_IN_TEN else 200
                _answered[code] += 1
            self._send(code, f"{TAG}\n")

    def _send(self, code: int, text: str) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", TAG)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that the base class gives
        """Say nothing: Prometheus counts."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
