"""A watch in a thread: what happened to one object, in order, however briefly it lasted."""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.request
from types import TracebackType
from typing import Any

from tests.plane.plane import Access

WATCH_S_MAX = 300


class Watching:
    """Every version of one object from the moment of entering, with the time at which it was seen."""

    def __init__(self, access: Access, path: str) -> None:
        collection, _, self._name = path.rpartition("/")
        self._access, self._collection = access, collection
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._over = threading.Event()
        self.seen: list[tuple[float, dict[str, Any]]] = []

    def __enter__(self) -> Watching:
        self._version = self._access.ask("GET", self._collection)["metadata"]["resourceVersion"]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            # Short requests one after the other, so that the thread notices when it is no longer wanted.
            wish = f"?watch=1&timeoutSeconds=1&fieldSelector=metadata.name={self._name}&resourceVersion={self._version}"
            request = urllib.request.Request(
                self._access.url + self._collection + wish, headers={"Authorization": f"Bearer {self._access.token}"}
            )
            context = ssl.create_default_context(cafile=str(self._access.ca))
            with urllib.request.urlopen(request, timeout=WATCH_S_MAX, context=context) as answer:
                for line in answer:
                    body = json.loads(line)["object"]
                    self._version = body["metadata"]["resourceVersion"]
                    self.seen.append((time.monotonic(), body))
