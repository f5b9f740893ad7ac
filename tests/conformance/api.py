"""A small blocking client for the conformance suite: status code and body, never an exception for a refusal."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

JSON = "application/json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
WAIT_S_MAX = 20.0

WIDGETS = "/apis/conformance.rollouts.test/v1/namespaces/{}/widgets"
WIDGET_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.conformance.rollouts.test"},
    "spec": {
        "group": "conformance.rollouts.test",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "string", "jsonPath": ".spec.size"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "string", "enum": ["small", "large"]},
                                    "replicas": {"type": "integer", "minimum": 0, "maximum": 100},
                                    "mode": {"type": "string", "default": "plain"},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "parts": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
                                        },
                                    },
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def reason(self) -> str:
        """The machine's reason of a refusal, "" of a success."""
        return str(self.body.get("reason", "")) if self.status >= 400 else ""

    @property
    def meta(self) -> dict[str, Any]:
        """metadata of the object."""
        found: dict[str, Any] = self.body["metadata"]
        return found

    @property
    def version(self) -> str:
        """metadata.resourceVersion."""
        return str(self.meta["resourceVersion"])


class Api:
    """One API server and the namespace of one test."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext | None, namespace: str) -> None:
        self._address = urlsplit(url)
        self._token = token
        self._context = context
        self.namespace = namespace

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        """The path of widgets, of core or of apps and networking kinds by their plural."""
        groups = {
            "widgets": "apis/conformance.rollouts.test/v1",
            "replicasets": "apis/apps/v1",
            "deployments": "apis/apps/v1",
            "ingresses": "apis/networking.k8s.io/v1",
        }
        parts = [groups.get(plural, "api/v1"), "namespaces", self.namespace, plural, name, subresource]
        return "/" + "/".join(part for part in parts if part)

    def ask(self, method: str, path: str, body: Any = None, form: str = JSON, **query: Any) -> Answer:
        """One request."""
        with self._open(method, path, body, form, query) as answer:
            text = answer.read()
            return Answer(answer.status, json.loads(text) if text[:1] in b"{[" else {"text": text.decode()})

    def must(self, method: str, path: str, body: Any = None, form: str = JSON, **query: Any) -> Answer:
        """One request that has to succeed."""
        answer = self.ask(method, path, body, form, **query)
        assert answer.status < 300, answer.body
        return answer

    @contextmanager
    def _open(
        self, method: str, path: str, body: Any, form: str, query: dict[str, Any]
    ) -> Iterator[http.client.HTTPResponse]:
        host, port = self._address.hostname or "", self._address.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=WAIT_S_MAX, context=self._context)
            if self._context
            else http.client.HTTPConnection(host, port, timeout=WAIT_S_MAX)
        )
        headers = {"Content-Type": form, "Accept": str(query.pop("accept", JSON)), "User-Agent": "conformance/1"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else body if isinstance(body, str | bytes) else json.dumps(body)
        target = path + (f"?{urlencode(query)}" if query else "")
        try:
            connection.request(method, target, data, headers)
            yield connection.getresponse()
        finally:
            connection.close()

    @contextmanager
    def watch(self, path: str, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """The events of one watch, in order; reading past the last one waits until timeoutSeconds."""
        asked = {"watch": "true", "timeoutSeconds": 10, **query}
        with self._open("GET", path, None, JSON, asked) as answer:
            assert answer.status == 200, answer.read()
            yield (json.loads(line) for line in answer)

    def until(self, what: str, test: Callable[[], Any]) -> Any:
        """Ask until the test gives something true; for what controllers do in their own time."""
        end = time.monotonic() + WAIT_S_MAX
        while not (found := test()):
            assert time.monotonic() < end, f"not within {WAIT_S_MAX} s: {what}"
            time.sleep(0.05)
        return found


def widget(name: str, size: str = "small", **spec: Any) -> dict[str, Any]:
    """A Widget as a client sends it."""
    return {
        "apiVersion": "conformance.rollouts.test/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": size, **spec},
    }


def config_map(name: str, **values: str) -> dict[str, Any]:
    """A ConfigMap as a client sends it."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}


def replica_set(name: str, replicas: int = 0) -> dict[str, Any]:
    """A ReplicaSet as a client sends it."""
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "demo/web:good-1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name}, "spec": spec}
