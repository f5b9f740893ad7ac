"""A Prometheus of the test's own, whose answer the test chooses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Judge:
    """Answers every instant query with one sample; remembers the queries."""

    def __init__(self) -> None:
        self.value = "1"
        self.queries: list[str] = []
        self.url = ""

    def answer(self, query: str) -> dict[str, object]:
        """What /api/v1/query says."""
        self.queries.append(query)
        result = [{"metric": {}, "value": [time.time(), self.value]}]
        return {"status": "success", "data": {"resultType": "vector", "result": result}}


@contextmanager
def judging() -> Iterator[Judge]:
    """A judge that listens on 127.0.0.1."""
    judge = Judge()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, form: str) -> None:
            body = json.dumps(judge.answer(parse_qs(form)["query"][0])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        judge.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield judge
        server.shutdown()
        thread.join()
