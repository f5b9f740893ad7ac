"""Steps that a plugin carries out, as the latch remembers them; `calling.py` makes the calls."""

from __future__ import annotations

from dataclasses import replace

from rollouts.api.rollout import PluginStep
from rollouts.core.stepcall import RUN
from rollouts.delivery.calls import FAILED, SUCCESSFUL, Call
from rollouts.delivery.latch import Latch
from rollouts.delivery.seen import DeliverySeen
from rollouts.kit.instant import Instant


def step_plugin(seen: DeliverySeen, step: int) -> PluginStep | None:
    """The plugin that a step is, if it is one."""
    return seen.canary.steps[step].plugin if step < len(seen.canary.steps) else None


def run_of(latch: Latch, step: int) -> Call | None:
    """The call that carries out a step."""
    return next((each for each in latch.calls if (each.index, each.operation) == (step, RUN)), None)


def entered(seen: DeliverySeen, latch: Latch, step: int, now: Instant) -> Latch:
    """The latch with the call that a step needs."""
    plugin = step_plugin(seen, step)
    if plugin is None or run_of(latch, step) is not None:
        return latch
    return replace(latch, calls=(*latch.calls, Call(step, plugin.name, RUN, now)))


def is_done(latch: Latch) -> bool:
    """Whether the plugin of the current step says that its work is done."""
    run = run_of(latch, latch.step)
    return run is not None and run.phase == SUCCESSFUL


def failure(seen: DeliverySeen, latch: Latch) -> str:
    """Why the plugin of the current step wants the update to be given up, "" where it does not."""
    run = run_of(latch, latch.step) if step_plugin(seen, latch.step) else None
    if run is None or run.phase != FAILED:
        return ""
    return f"step plugin {run.name} failed: {run.message}".rstrip(": ")
