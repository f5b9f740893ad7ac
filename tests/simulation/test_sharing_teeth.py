"""The teeth of the laws of sums, of what others own, and of several routers: bugs put in on purpose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from rollouts.delivery import commands, services, sizes, want
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.want import Keep, SetWant
from rollouts.devplane.builtin import gc
from rollouts.kube import kinds
from rollouts.kube.object import controller_reference
from rollouts.kube.ref import Kind, Manifest
from rollouts.shell.reading import RecordingReader
from rollouts.simulation.runner import Run, play
from rollouts.simulation.scenario import LABELS, NAMESPACE
from rollouts.traffic import inplace, nginx
from rollouts.traffic.route import Split

Patch = Callable[[pytest.MonkeyPatch], None]
gather, advance = sys.modules["rollouts.delivery.gather"], sys.modules["rollouts.delivery.advance"]


def the_rest_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Split, "stable", property(lambda self: self.total))


def the_total_is_left_out(patch: pytest.MonkeyPatch) -> None:
    real = nginx._annotations

    def annotations(*arguments: Any) -> Mapping[str, str | None]:
        return {**real(*arguments), f"{nginx.PREFIX}/canary-weight-total": None}

    patch.setattr(nginx, "_annotations", annotations)


def what_is_selected_leaves(patch: pytest.MonkeyPatch) -> None:
    """A Service that is not turned, and a version that leaves without asking who selects it."""
    real = services.stable_target

    def target(seen: DeliverySeen, phase: Any, weight: int) -> str:
        return seen.stable_service.hash or real(seen, phase, weight)

    patch.setattr(services, "stable_target", target)
    patch.setattr(sizes, "leaving", lambda seen, each, *rest, **more: SetWant(each, 0, Keep.AS_IT_IS))


def the_first_router_speaks_for_all(patch: pytest.MonkeyPatch) -> None:
    """A pass over the routers ends at the first that is written, and the step looks at that one."""
    real = want.weigh

    def weigh(*arguments: Any) -> Any:
        yield from list(real(*arguments))[:1]

    patch.setattr(want, "weigh", weigh)
    patch.setattr(DeliverySeen, "weight_low", DeliverySeen.weight_high)


def what_is_not_known_is_dropped(patch: pytest.MonkeyPatch) -> None:
    real = inplace.copied

    def copied(manifest: Any) -> dict[str, Any]:
        copy = real(manifest)
        copy["spec"] = {key: value for key, value in copy["spec"].items() if key != "hostnames"}
        return copy

    patch.setattr(inplace, "copied", copied)


def the_selector_is_ours(patch: pytest.MonkeyPatch) -> None:
    real = services.turn

    def turn(*arguments: Any) -> Any:
        for each, told in real(*arguments):
            if isinstance(each.body, Mapping) and "spec" in each.body:
                each = replace(each, body={"spec": {"selector": {**each.body["spec"]["selector"], "app": None}}})
            yield each, told

    patch.setattr(services, "turn", turn)


def an_idle_abort_is_carried_out(patch: pytest.MonkeyPatch) -> None:
    kept = {name: tuple(one for one in due if one is not commands.tidied) for name, due in advance.TURNINGS.items()}
    patch.setattr(advance, "TURNINGS", kept)
    real = sizes._routed

    def routed(seen: DeliverySeen, phase: Any, each: Any, *rest: Any) -> SetWant:
        return SetWant(each, 1, Keep.AS_IT_IS) if seen.latch.aborted else real(seen, phase, each, *rest)

    patch.setattr(sizes, "_routed", routed)


def labels_are_enough(patch: pytest.MonkeyPatch) -> None:
    """A ReplicaSet with the right labels counts as ours, whoever controls it."""
    real = RecordingReader.owned_by

    def owned_by(self: RecordingReader, kind: Kind, uid: str) -> Any:
        return self.select(kind, NAMESPACE, LABELS) if kind == kinds.REPLICA_SET else real(self, kind, uid)

    patch.setattr(RecordingReader, "owned_by", owned_by)


def a_name_is_enough(patch: pytest.MonkeyPatch) -> None:
    """The ReplicaSet of a Rollout that is gone is taken over by the next one of its name."""
    patch.setattr(gather, "_is_of_a_predecessor", lambda holder, rollout: False)
    patch.setattr(gather, "is_orphan", lambda manifest: True)
    patch.setattr(gather, "_stray", lambda *arguments: None)
    real = gc._is_gone

    def is_gone(world: Any, found: Manifest, owner: Any) -> bool:
        return "replicas" not in (found.get("spec") or {}) and real(world, found, owner)

    patch.setattr(gc, "_is_gone", is_gone)  # the collector is late
    patch.setattr(want, "with_controller", lambda manifest, kind, owner: [controller_reference(kind, owner)])


@pytest.mark.parametrize(
    ("bug", "story", "law"),
    [
        (the_rest_is_forgotten, "overtaken-istio", "S4"),
        (the_rest_is_forgotten, "overtaken-alb", "S4"),
        (the_total_is_left_out, "thousandths", "S4"),
        (what_is_selected_leaves, "good-canary", "S7"),
        (the_first_router_speaks_for_all, "two-ingresses", "S9"),
        (what_is_not_known_is_dropped, "overtaken-gatewayAPI", "S11"),
        (the_selector_is_ours, "good-canary", "S11"),
        (an_idle_abort_is_carried_out, "abort-when-done", "S23"),
        (labels_are_enough, "workload-onsuccess", "S32"),
        (a_name_is_enough, "recreated-midway", "S32"),
    ],
)
def test_a_bug_is_found(monkeypatch: pytest.MonkeyPatch, bug: Patch, story: str, law: str) -> None:
    assert play(Run(story)).problems == ()  # of the sound code
    bug(monkeypatch)
    found = {problem.law for problem in play(Run(story)).problems}

    assert law in found
