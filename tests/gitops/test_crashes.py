"""A controller that dies at any call of a sync leaves nothing half done that the next one does not finish, once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from rollouts.kube import kinds
from rollouts.simulation.gitworld import Crash, GitWorld
from tests.gitops.shop import HOOK, POLICY, WAVE, a_world, automated, config, deployment, job, refresh, resources, state
from tests.gitops.shop import phase as phase_of


def commit(version: str) -> list[dict[str, Any]]:
    """Waves, hooks of every policy, and (in the second version) something less."""
    kept = [config("old"), config("older", marks={WAVE: "1"})] if version == "1" else []
    return [
        job("before", f"migrate:{version}", **{HOOK: "PreSync"}),
        job("between", f"seed:{version}", **{HOOK: "Sync", WAVE: "1", POLICY: "HookSucceeded"}),
        job("smoke-", f"smoke:{version}", **{HOOK: "PostSync"}),
        deployment("db", f"db:{version}", **{WAVE: "-1"}),
        config("settings", version=version),
        deployment("web", f"web:{version}", **{WAVE: "2"}),
        *kept,
    ]


def play(crash: Crash | None) -> GitWorld:
    """Two deploys; the crash strikes somewhere in the second one."""
    world = a_world(*commit("1"), spec=automated())
    world.run(60)
    assert phase_of(world) == "Succeeded"
    world.bring(config("stranger", namespace="shop"))
    world.crash_in(crash or Crash(0))
    world.writes.clear()
    world.git.push(commit("2"))
    refresh(world, wait_s=100)
    return world


def ending(world: GitWorld) -> dict[str, Any]:
    """What must be the same whatever crashed: objects without their times, and what the Application says."""
    objects = {
        f"{kind.name}/{each['metadata']['name']}": {"spec": each.get("spec"), "data": each.get("data")}
        for kind in (kinds.CONFIG_MAP, kinds.DEPLOYMENT)
        for each in world.store.all(kind)
    }
    jobs = Counter(each["metadata"]["name"].partition("-0")[0] for each in world.store.all(kinds.JOB))
    compared = {name: row["status"] for name, row in resources(world).items() if not row.get("hook")}
    said = (phase_of(world), state(world)["message"], compared)
    return {"objects": objects, "jobs": jobs, "said": said}


WITHOUT = play(None)
CALLS = WITHOUT.calls_since


CRASHES = [(call, when) for call in range(1, CALLS + 1) for when in ("before", "committed")]
CRASHES += [(call, "after") for call in range(3, CALLS + 1, 5)]  # much like before the next one


@pytest.mark.parametrize(("call", "when"), CRASHES)
def test_a_crash_at_any_call_changes_nothing_of_the_end(call: int, when: str) -> None:
    world = play(Crash(call, when))

    made = Counter(ref.name.partition("-0")[0] for verb, ref in world.writes if verb == "create")
    gone = {ref.name for verb, ref in world.writes if verb == "delete"}
    assert ending(world) == ending(WITHOUT), "\n".join(world.story[-60:])
    assert made == {"before": 1, "between": 1, "smoke": 1}, "hooks run once"
    assert gone == {"old", "older", "before", "between"}, "nothing else is removed"
