"""The calls to step plugins: which one is due, and what an answer means.

A call is remembered before it is made, and its answer before anything follows from it; so a crash repeats a call at
most, and a plugin is asked again under the same number. One call of a Rollout is under way at a time: what is owed to
an update that ended goes first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from analysis.duration import parse_s
from analysis.errors import AnalysisError
from rollouts.core.plan import Answer, Ask
from rollouts.core.reader import Reader
from rollouts.core.stepcall import RUN, STATE_CHARS_MAX, TIMEOUT_S, StepCall, StepReply
from rollouts.delivery import calls, notes
from rollouts.delivery.calls import ERROR, FAILED, RUNNING, SUCCESSFUL, Call
from rollouts.delivery.latch import Latch
from rollouts.delivery.phase import Event, Phase, phase_of
from rollouts.delivery.plugins import run_of, step_plugin
from rollouts.delivery.seen import DeliverySeen
from rollouts.delivery.turning import Turning
from rollouts.kit.instant import Instant

ERROR_BACKOFF_S = 30.0
ENDINGS_MAX = 5  # how often a plugin is called to end a Run, before its errors are taken for its last word
REQUEUE_S = 30.0  # for a plugin that is Running and does not say when it wants to be called again
REQUEUE_S_MIN, REQUEUE_S_MAX = 1.0, 86_400.0
ANSWER_GRACE_S = 15.0  # past a call's own timeout: then the Rollout looks again, in case the answer was lost
MESSAGE_MAX = 1024


def next_call(seen: DeliverySeen) -> Call | None:
    """The one call that is under way or comes next."""
    latch = seen.latch
    owed = next((each for each in latch.calls if each.is_open and each.operation != RUN), None)
    if owed is not None:
        return owed
    if seen.spec.paused or phase_of(latch, seen.step_count) is not Phase.STEPPING:
        return None
    run = run_of(latch, latch.step) if step_plugin(seen, latch.step) else None
    return run if run is not None and run.is_open else None


def asks(seen: DeliverySeen, now: Instant) -> tuple[Ask, ...]:
    """The call that is due."""
    call = next_call(seen)
    if call is None or call.due > now:
        return ()
    plugin = step_plugin(seen, call.index)
    config = plugin.config if plugin is not None and plugin.name == call.name else None
    question = StepCall(call.name, call.operation, call.index, call.executions, seen.rollout, config, call.state)
    return (Ask(call.ask_id(seen.uid), question, seen.ref.namespace, TIMEOUT_S),)


def next_look(seen: DeliverySeen, now: Instant) -> Instant | None:
    """When the next call is due, or its answer is late."""
    call = next_call(seen)
    if call is None:
        return None
    return call.due if call.due > now else now.plus(TIMEOUT_S + ANSWER_GRACE_S)


def answers(rollout_uid: str, latch: Latch, reader: Reader) -> Iterator[tuple[Call, Answer]]:
    """What has come back for the calls that are not over."""
    for each in latch.calls:
        if each.is_open and (answer := reader.answer(each.ask_id(rollout_uid))) is not None:
            yield each, answer


def answered(seen: DeliverySeen, now: Instant) -> Turning | None:
    """A plugin has answered: what it says is remembered."""
    for call, answer in seen.step_answers:
        after = _said(call, answer.value, answer.error, now)
        kept = tuple(after if each is call else each for each in seen.latch.calls)
        rule = f"step plugin {call.name} answers {call.operation}: {after.phase}"
        told = (notes.plugin_turned(seen, call, after),) if after.phase != call.phase or after.executions == 1 else ()
        return Turning(replace(seen.latch, calls=kept), Event.CALL, rule, told)
    return None


def owed(seen: DeliverySeen, now: Instant) -> Turning | None:
    """A step was left while its plugin was at it, or the update was aborted: the plugin has to hear of it."""
    latch = seen.latch
    if latch.is_updating and latch.aborted:
        more = calls.aborts(latch.calls, now)
    else:
        is_here = phase_of(latch, seen.step_count) in (Phase.STEPPING, Phase.PAUSED)
        here = run_of(latch, latch.step) if is_here else None
        left = tuple(each for each in latch.calls if each is not here)
        more = calls.terminations(left, now)
    if not more:
        return None
    what = ", ".join(f"{each.operation} of step {each.index + 1}" for each in more)
    kept = calls.joined(latch.calls, more)
    return Turning(replace(latch, calls=kept), Event.CALL, f"plugins are to hear of it: {what}")


def _said(call: Call, value: Any, error: str, now: Instant) -> Call:
    """The call after an answer. What a plugin says of itself is believed as far as it can be read."""
    after = replace(call, updated=now, executions=call.executions + 1, backoff_s=0.0)
    try:
        reply = _reply(value) if not error else None
    except (AnalysisError, ValueError) as problem:
        reply, error = None, str(problem)
    if reply is None or reply.phase == ERROR:
        return _erred(after, error or (reply.message if reply else ""), now)
    after = replace(after, phase=reply.phase, message=reply.message[:MESSAGE_MAX], is_disabled=reply.is_disabled)
    if reply.state is not None:
        after = replace(after, state=reply.state)
    if reply.phase in (SUCCESSFUL, FAILED):
        return replace(after, finished=now)
    if call.operation != RUN:  # there is nothing to wait for: it was told, and is not told twice
        return replace(after, phase=SUCCESSFUL, finished=now)
    wait_s = REQUEUE_S if reply.requeue_after_s is None else reply.requeue_after_s
    return replace(after, backoff_s=min(max(wait_s, REQUEUE_S_MIN), REQUEUE_S_MAX))


def _erred(call: Call, error: str, now: Instant) -> Call:
    """An error keeps the plugin's former state. A Run is tried again for ever; what ends one, a few times."""
    after = replace(call, phase=ERROR, message=(error or "an error without words")[:MESSAGE_MAX])
    is_last = call.operation != RUN and call.executions >= ENDINGS_MAX
    return replace(after, finished=now) if is_last else replace(after, backoff_s=ERROR_BACKOFF_S)


def _reply(value: Any) -> StepReply:
    """A reply of either form. Raises AnalysisError or ValueError for what is none."""
    if isinstance(value, StepReply):
        reply = value
    elif isinstance(value, Mapping):
        after = value.get("requeueAfter")
        wait_s = float(after) if isinstance(after, int | float) and not isinstance(after, bool) else None
        if isinstance(after, str) and after:
            wait_s = parse_s(after)
        phase, message = value.get("phase"), str(value.get("message") or "")
        reply = StepReply(str(phase or RUNNING), message, wait_s, value.get("status"))
    else:
        raise ValueError("the answer is no object with a phase")
    if reply.phase not in (RUNNING, SUCCESSFUL, FAILED, ERROR):
        raise ValueError(f"the phase {reply.phase[:64]!r} is none of Running, Successful, Failed, Error")
    if reply.state is not None and len(json.dumps(reply.state)) > STATE_CHARS_MAX:
        raise ValueError(f"the plugin's status is longer than {STATE_CHARS_MAX} characters of JSON")
    return reply
