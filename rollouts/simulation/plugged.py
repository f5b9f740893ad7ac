"""Stories of steps that a plugin carries out, what the plugin says, and the law that holds in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollouts.core.stepcall import RUN, StepCall
from rollouts.kube.object import uid
from rollouts.kube.ref import Manifest
from rollouts.simulation.case import Case
from rollouts.simulation.scenario import PROMOTED, RETURNED, Scenario

_PLUGIN = {"plugin": {"name": "acme/smoke", "config": {"suite": "all"}}}
STEPS: tuple[Mapping[str, Any], ...] = ({"setWeight": 20}, _PLUGIN, {"setWeight": 60}, {"pause": {"duration": "5s"}})
TWICE: tuple[Mapping[str, Any], ...] = (*STEPS[:3], _PLUGIN, {"pause": {}})
SLOW, FAILING, LASTING = "Running Running Successful", "Running Failed", "Running"
TOLD = "plugins are told"

PLUGGED: tuple[Scenario, ...] = (
    Scenario("plugin-step", "A plugin carries out a step, and takes three calls for it.",
        """when healthy: set image web:2
           when healthy on web:2: end""", (*PROMOTED, TOLD), steps=STEPS, plugin=SLOW),
    Scenario("plugin-fails", "A plugin finds the new version wanting, and the update is aborted.",
        """when healthy: set image web:2
           when aborted: end""", (*RETURNED, TOLD), steps=STEPS, plugin=FAILING),
    Scenario("plugin-abort", "A person aborts after a plugin was at work twice: it hears of both.",
        """when healthy: set image web:2
           when paused at step 4: abort
           when aborted, after 10s: end""",
        (*RETURNED, TOLD, "a plugin's Abort of step 1 is Successful", "a plugin's Abort of step 3 is Successful"),
        steps=TWICE, plugin="Successful"),
    Scenario("plugin-revision", "A third version comes while a plugin is at work, and a person passes over its step.",
        """when healthy: set image web:2
           when a plugin's Run of step 1 is Running, after 7s: set image web:3
           when a plugin's Terminate of step 1 is Successful: wait
           when a plugin's Run of step 1 is Running, after 3s: promote
           when healthy on web:3, after 10s: end""", ("healthy on web:3", "weight 0", TOLD),
        steps=STEPS, plugin=LASTING),
)  # fmt: skip


def says(call: StepCall, words: str, *, is_down: bool) -> Mapping[str, Any] | None:
    """What the plugin answers: one word for each call of a Run, the last one for ever; None while it is down."""
    if is_down:
        return None
    if call.operation != RUN:
        return {"phase": "Successful"}
    said = words.split() or ["Successful"]
    return {"phase": said[min(call.execution, len(said) - 1)], "requeueAfter": "3s", "status": {"job": "7"}}


def done(call: StepCall, reply: Mapping[str, Any] | None) -> tuple[str, str, int] | None:
    """(Rollout, version, step) of which a plugin has said that its work is done."""
    if call.operation != RUN or reply is None or reply["phase"] != "Successful":
        return None
    return uid(call.rollout), str((call.rollout.get("status") or {}).get("currentPodHash")), call.index


def calls_of(rollout: Manifest) -> list[Mapping[str, Any]]:
    """What the status tells of plugins."""
    return list(((rollout.get("status") or {}).get("canary") or {}).get("stepPluginStatuses") or ())


def is_told(rollout: Manifest) -> bool:
    """Whether every Run is over, or its plugin was told to end it."""
    found = calls_of(rollout)
    return all(each.get("finishedAt") or _is_ended(each, found[place:]) for place, each in enumerate(found))


def _is_ended(run: Mapping[str, Any], later: list[Mapping[str, Any]]) -> bool:
    ends = (each for each in later if each["operation"] != RUN and each["index"] == run["index"])
    return run["operation"] == RUN and any(each.get("finishedAt") for each in ends)


def plugin_lets_pass(case: Case) -> Iterator[str]:
    """G1: the step of a plugin is left only once the plugin has said, of this very version, that it is done."""
    if case.advanced is None or not case.after.steps[case.advanced].get("plugin"):
        return
    if (uid(case.after.rollout), case.after.current, case.advanced) not in case.memory.plugged:
        yield f"step {case.advanced} left although its plugin is not done"
