"""What the composition root hands to its rooms."""

from __future__ import annotations

from typing import Any

from rollouts.kit.instant import Instant
from rollouts.kube.kinds import ANALYSIS_RUN
from rollouts.kube.ref import Ref
from rollouts.shell.loop import Machine
from rollouts.shell.settings import DEFAULTS
from rollouts.shell.wire import Response
from rollouts.shell.wiring import rooms

NOW = Instant.parse("2026-03-01T12:00:00Z")
RUN = Ref(ANALYSIS_RUN, "shop", "web-1")


def a_run(**provider: str) -> dict[str, Any]:
    metric = {"name": "rate", "successCondition": "true", "provider": {"prometheus": {"query": "up", **provider}}}
    meta = {"name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": "5", "generation": 1}
    status = {"phase": "Running", "startedAt": NOW.rfc3339_whole()}
    return {"metadata": meta, "spec": {"metrics": [metric]}, "status": status}


def asked(own: str, **provider: str) -> str:
    """The first question that a machine puts to the world."""
    assert NOW is not None
    run = next(room for room in rooms(prometheus_address=own) if room.kind == ANALYSIS_RUN)
    machine = Machine([run], DEFAULTS)
    machine.lead(1, NOW)
    manifest = a_run(**provider)
    machine.replace(ANALYSIS_RUN, [manifest], "10", NOW)
    for version in range(11, 15):
        turn = machine.turn(NOW)
        if turn.asks:
            return str(turn.asks[0].question)
        for request in turn.requests:
            manifest = {**manifest, "status": {**manifest["status"], **request.body["status"]}}
            manifest["metadata"] = {**manifest["metadata"], "resourceVersion": str(version)}
            machine.respond(Response(request.id, 200, manifest), NOW)
            machine.replace(ANALYSIS_RUN, [manifest], str(version), NOW)
    return ""


def test_a_metric_without_an_address_asks_the_controllers_own_prometheus() -> None:
    assert "http://own:9090" in asked("http://own:9090")


def test_a_metric_with_an_address_asks_that_one() -> None:
    question = asked("http://own:9090", address="http://theirs:9090")

    assert "http://theirs:9090" in question
    assert "own" not in question
