"""Random programs of API calls, and what of their answers two servers must agree on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.conformance.api import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Api, config_map, widget

CALLS = 30
NAMES = ("a", "b")
_DRAWN = ("uid", "creationTimestamp", "resourceVersion", "managedFields", "deletionTimestamp", "selfLink")


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `version` says which version the body carries: none, the latest that was seen, or an old one."""

    method: str
    plural: str
    name: str
    subresource: str = ""
    form: str = "application/json"
    body: Any = None
    version: str = "none"
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        where = "/".join(part for part in (self.plural, self.name, self.subresource) if part)
        return f"{self.method} {where} {self.form.partition('/')[2]} {self.body} version={self.version} {self.query}"


def program(seed: int) -> list[Call]:
    """The calls that a seed stands for."""
    draw = random.Random(seed)
    return [_call(draw) for _ in range(CALLS)]


def _call(draw: random.Random) -> Call:
    name = draw.choice(NAMES)
    plural = draw.choice(("widgets", "configmaps"))
    version = draw.choice(("none", "none", "latest", "old"))
    makers = [_create, _update, _merge, _json_patch, _apply, _apply, _delete, _status]
    return draw.choice(makers)(draw, plural, name, version)


def _values(draw: random.Random, plural: str) -> dict[str, Any]:
    if plural == "configmaps":
        return {"data": {key: str(draw.randint(1, 3)) for key in draw.sample(("x", "y", "z"), draw.randint(1, 3))}}
    spec: dict[str, Any] = {"size": draw.choice(("small", "large", "large", "huge"))}
    if draw.random() < 0.6:
        spec["replicas"] = draw.choice((0, 1, 2, 100, 101))
    if draw.random() < 0.4:
        spec["parts"] = [{"name": key, "count": draw.randint(1, 2)} for key in draw.sample(("p", "q", "r"), 2)]
    if draw.random() < 0.3:
        spec["free"] = {draw.choice("abc"): draw.choice((1, "one", [1, 2], {"deep": True}))}
    if draw.random() < 0.2:
        spec["stray"] = 1
    return {"spec": spec}


def _whole(draw: random.Random, plural: str, name: str) -> dict[str, Any]:
    body = config_map(name) if plural == "configmaps" else widget(name)
    body |= _values(draw, plural)
    if draw.random() < 0.5:
        body["metadata"]["labels"] = {"l": draw.choice("mn")}
    if draw.random() < 0.15:
        body["metadata"]["finalizers"] = ["conformance.rollouts.test/hold"]
    return body


def _create(draw: random.Random, plural: str, name: str, version: str) -> Call:
    query = (("dryRun", "All"),) if draw.random() < 0.2 else ()
    return Call("POST", plural, "", body=_whole(draw, plural, name), query=query)


def _update(draw: random.Random, plural: str, name: str, version: str) -> Call:
    return Call("PUT", plural, name, body=_whole(draw, plural, name), version=version)


def _merge(draw: random.Random, plural: str, name: str, version: str) -> Call:
    form = STRATEGIC if plural == "configmaps" and draw.random() < 0.4 else MERGE
    body = _values(draw, plural)
    if draw.random() < 0.3:
        body["metadata"] = {"finalizers": None, "labels": {"l": None}}
    return Call("PATCH", plural, name, form=form, body=body, version=version)


def _json_patch(draw: random.Random, plural: str, name: str, version: str) -> Call:
    field = "/data/x" if plural == "configmaps" else "/spec/size"
    value = draw.choice(("small", "large"))
    ops = [
        {"op": draw.choice(("add", "replace")), "path": field, "value": value},
        {"op": "test", "path": field, "value": draw.choice(("small", value, value))},
    ]
    return Call("PATCH", plural, name, form=JSON_PATCH, body=ops)


def _apply(draw: random.Random, plural: str, name: str, version: str) -> Call:
    query = [("fieldManager", draw.choice(("one", "two")))]
    if draw.random() < 0.4:
        query.append(("force", "true"))
    return Call("PATCH", plural, name, form=APPLY, body=_whole(draw, plural, name), query=tuple(query))


def _delete(draw: random.Random, plural: str, name: str, version: str) -> Call:
    return Call("DELETE", plural, name)


def _status(draw: random.Random, plural: str, name: str, version: str) -> Call:
    body = {"status": {"replicas": draw.randint(0, 3)}, "spec": {"size": "small"}}
    return Call("PATCH", "widgets", name, "status", MERGE, body, version)


class Runner:
    """Runs a program on one server and writes down what must agree."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._versions: dict[tuple[str, str], list[str]] = {}

    def run(self, calls: list[Call]) -> list[Any]:
        """What each call gave, in a form that does not depend on the server's own numbers."""
        return [self._one(call) for call in calls]

    def _one(self, call: Call) -> Any:
        body = call.body
        seen = self._versions.get((call.plural, call.name), [])
        if isinstance(body, dict) and call.version != "none" and seen:
            version = seen[-1] if call.version == "latest" else seen[0]
            body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": version}}
        path = self._api.path(call.plural, call.name, call.subresource)
        answer = self._api.ask(call.method, path, body, call.form, **dict(call.query))
        return self._told(call, answer)

    def _told(self, call: Call, answer: Answer) -> Any:
        if answer.status >= 400:
            causes = (answer.body.get("details") or {}).get("causes") or []
            return answer.status, answer.reason, sorted(str(cause.get("field")) for cause in causes)
        if answer.body.get("kind") == "Status":
            return answer.status, answer.body["status"]
        meta = answer.meta
        changed = "dry run"
        if "deletionTimestamp" in meta and not meta.get("finalizers"):
            changed = "gone"  # what version the last state of an object carries is nobody's business
        elif not dict(call.query).get("dryRun"):
            versions = self._versions.setdefault((call.plural, meta["name"]), [])
            changed = "same" if versions and versions[-1] == answer.version else "new"
            versions.append(answer.version)
        plain = {key: value for key, value in meta.items() if key not in _DRAWN and key != "namespace"}
        plain["deleting"] = "deletionTimestamp" in meta
        managers = sorted((one["manager"], one["operation"]) for one in meta.get("managedFields") or ())
        return answer.status, changed, managers, {**answer.body, "metadata": plain}
