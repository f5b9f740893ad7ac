"""Customers of the shop: steady requests through the ingress controller, each answer written down."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

CUSTOMERS = 6
EVERY_S = 0.03


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer. version: who gave it, "" if no pod did.  status: 0 where the connection broke."""

    at: float
    status: int
    version: str


class Customers:
    """Threads that ask over and over until the block ends."""

    def __init__(self, url: str, host: str) -> None:
        self._address, self._host = urlsplit(url).netloc, host
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._shop, daemon=True) for _ in range(CUSTOMERS)]
        self.answers: list[Answered] = []

    def __enter__(self) -> Customers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def between(self, begin: float, end: float) -> list[Answered]:
        """The answers of a stretch of time."""
        return [answer for answer in self.answers if begin <= answer.at <= end]

    def not_served(self) -> list[Answered]:
        """Requests that no pod answered: the fault of whoever routes them, or of whoever took the pods away."""
        return [answer for answer in self.answers if not answer.version]

    def _shop(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        while not self._over.wait(EVERY_S):
            self.answers.append(self._ask(connection))
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Answered:
        try:
            connection.request("GET", "/", headers={"Host": self._host})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return Answered(time.monotonic(), 0, "")
        return Answered(time.monotonic(), answer.status, answer.getheader("x-version") or "")


def share_percent(answers: list[Answered], version: str) -> float:
    """How many of a hundred answers a version gave."""
    return 100 * Counter(answer.version for answer in answers)[version] / len(answers)
