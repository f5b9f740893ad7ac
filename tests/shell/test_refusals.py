"""What the API server refuses for good: the room hears of it, tries again ever more rarely, and heals by itself."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.core.plan import Action, Apply, Create, Plan
from rollouts.core.reader import Reader
from rollouts.kit.instant import Instant
from rollouts.kube.ref import Ref
from rollouts.shell.carry import Outcome, outcome
from rollouts.shell.wire import Response
from tests.shell.script import SET, WEB, Story, an_object, report, web

WORDS = "ReplicaSet is invalid: spec.template: Invalid value"


def gather(ref: Ref, reader: Reader) -> dict[str, Any]:
    return {"web": reader.get(WEB), "set": reader.get(SET), "refused": reader.refused(SET)}


def make(seen: dict[str, Any], now: Instant) -> Plan:
    """A room that makes one ReplicaSet, and says first what keeps it from doing so."""
    if seen["web"] is None:
        return Plan()
    if (seen["web"].get("status") or {}).get("refused", "") != seen["refused"]:
        return Plan(status=report(seen["web"], refused=seen["refused"]))
    return Plan() if seen["set"] else Plan(actions=(Create(SET, an_object(SET, ""), "uid-web"),))


class Server:
    """Refuses every create, takes every report, and tells of it."""

    def __init__(self, words: str = WORDS, status: int = 422) -> None:
        self.words, self.status = words, status
        self.version, self.generation = 10, 1
        self.said = ""
        self.story = Story(make, gather=gather).listed((WEB, web("5")))
        self.verbs: list[str] = []

    def let_pass(self, seconds: int) -> None:
        for _ in range(seconds * 10):
            while request := self.story.sent():
                self.verbs.append(request.verb)
                self.take(request)
            self.story.later(0.1)

    def take(self, request: Any) -> None:
        if request.verb == "create" and self.words:
            words = self.words.replace("#", str(len(self.verbs)))
            self.story.answer(request, self.status, {"message": words})
        elif request.verb == "create":
            self.version += 1
            self.story.answer(request, 201, an_object(SET, str(self.version)))
            self.story.told(SET, an_object(SET, str(self.version)), "ADDED")
        elif request.verb == "patch":
            self.said = request.body["status"]["refused"]
            self.moved(request)

    def moved(self, request: Any = None) -> None:
        self.version += 1
        body = web(str(self.version), generation=self.generation, status={"refused": self.said})
        if request is not None:
            self.story.answer(request, 200, body)
        self.story.told(WEB, body)


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_the_room_hears_what_the_server_said(status: int) -> None:
    server = Server(status=status)
    server.let_pass(2)

    assert server.said == WORDS
    assert server.verbs.count("patch") == 1


def test_a_refused_write_is_tried_ever_more_rarely() -> None:
    server = Server()
    server.let_pass(300)

    assert 5 <= server.verbs.count("create") <= 20
    assert server.story.notes() == ["WriteRefused"]


def test_a_refusal_in_ever_new_words_is_no_hot_loop() -> None:
    server = Server("quota at #")
    server.let_pass(300)

    assert len(server.verbs) <= 40


def test_once_the_server_takes_the_write_the_refusal_is_forgotten() -> None:
    server = Server()
    server.let_pass(5)
    server.words = ""
    server.let_pass(60)

    assert server.said == ""
    assert server.story.sent() is None


def test_a_new_wish_is_tried_at_once_and_owes_nothing_to_the_old() -> None:
    server = Server()
    server.let_pass(30)
    server.words, server.generation = "", 2
    server.moved()
    server.let_pass(1)

    assert server.verbs[-2:] == ["patch", "create"]
    assert server.said == ""


def test_a_refusal_is_bounded() -> None:
    server = Server("x" * 100_000)
    server.let_pass(1)

    assert len(server.said) == 500


@pytest.mark.parametrize(
    "action", [Create(SET, an_object(SET, ""), "uid-web"), Apply(SET, an_object(SET, ""))], ids=["create", "apply"]
)
def test_a_write_into_a_namespace_that_is_not_there_is_refused_and_not_tried_at_full_speed(action: Action) -> None:
    answer = Response(1, 404, {"reason": "NotFound", "message": 'namespaces "shop" not found'})

    assert outcome(action, answer) is Outcome.REFUSED


def test_a_status_that_the_server_does_not_serve_is_tried_ever_more_rarely_and_holds_everything_back() -> None:
    """Somebody installed CRDs without the subresource: what was not remembered is not done."""

    def decide(seen: Any, now: Instant) -> Plan:
        return Plan() if (seen.get("status") or {}).get("decided") else Plan(status=report(seen, decided=True))

    story = Story(decide).listed((WEB, web("5")))
    sent = []
    for _ in range(6000):
        while request := story.sent():
            sent.append((request.verb, request.subresource))
            is_read = request.verb == "get"
            story.answer(request, 200 if is_read else 404, web("5") if is_read else {"reason": "NotFound"})
        story.later(0.1)

    assert set(sent) == {("patch", "status"), ("get", "")}
    assert len(sent) <= 30
