"""The whole cluster in one thread: store, built-in controllers, people, metrics source, and one or two controllers.

A run is a function of its scenario, weather and faults. Nothing in it reads a clock, draws at random or waits.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rollouts.core.plan import Answer, Ask, Note
from rollouts.core.stepcall import StepCall
from rollouts.devplane.builtin import Builtins
from rollouts.devplane.definitions import BUILT_IN, OURS, without_schema
from rollouts.devplane.request import WriteOptions
from rollouts.devplane.store import Commit, Store
from rollouts.kit.instant import Instant
from rollouts.kube import kinds
from rollouts.kube.ref import Ref
from rollouts.shell.room import Room
from rollouts.shell.settings import Settings
from rollouts.shell.wire import Request, Response
from rollouts.simulation import gate, meddling, plugged, prometheus, script
from rollouts.simulation.auditor import ABORT_S_MAX, Auditor, Problem
from rollouts.simulation.ending import ending
from rollouts.simulation.faults import CALM, LEADERS, Fault, Moment, Size, Weather, What
from rollouts.simulation.leading import Lease
from rollouts.simulation.process import Process
from rollouts.simulation.scenario import NAME, NAMESPACE, Scenario
from rollouts.simulation.timeline import START, Timeline
from rollouts.simulation.truth import truth
from rollouts.traffic import KINDS

VIRTUAL_S_MAX = 4 * 3600.0
SETTLE_S = 200.0  # after the last line: delays run out, back-off ends
REST_S = 600.0  # then nothing may be written for so long
STEPS_MAX = 400_000
BLUR_S = 2.2  # the Date of an answer tells the second, and for each of two controllers
STORM = LEADERS | {What.OUTAGE, What.STALL, What.RELIST}
_ROUTED = tuple(without_schema(kind) for kind in KINDS if kind not in (kinds.INGRESS, kinds.SERVICE))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run. story: one line per thing that happened, with its virtual second."""

    problems: tuple[Problem, ...]
    hash: str
    story: tuple[str, ...]
    ending: dict[str, Any]
    size: Size
    struck: Counter[str] = field(default_factory=Counter)
    writes: int = 0


@dataclass(slots=True)
class Call:
    """One request on its way. root: the key whose plan it carries out."""

    process: Process
    request: Request
    sent: Instant
    root: Ref | None = None
    faults: Sequence[Fault] = ()

    def meets(self, what: What) -> bool:
        """Whether this fault strikes it."""
        return any(fault.what is what for fault in self.faults)

    def end(self, response: Response) -> None:
        """Its process hears this."""
        self.process.respond(response, self.root, self.request, self.sent)


class World:
    """One run in the making."""

    def __init__(
        self,
        scenario: Scenario,
        rooms: Sequence[Room],
        weather: Weather = CALM,
        faults: Sequence[Fault] = (),
        settings: Settings | None = None,
    ) -> None:
        self.scenario, self.weather = scenario, weather
        self.timeline = Timeline()
        self.store = Store(lambda: self.timeline.now, definitions=(*BUILT_IN, *OURS, *_ROUTED), tracks_fields=False)
        self.processes: dict[str, Process] = {}
        self.struck: Counter[str] = Counter()
        slowest_s = max([weather.lag_default_s, *(weather.lag_s or {}).values()])
        abort_s_max = ABORT_S_MAX + 8 * (2 * weather.latency_s + slowest_s)
        blur_s = BLUR_S if any(weather.skews_s) else 0.0
        self.auditor = Auditor(self.store, self.processes, abort_s_max, blur_s)
        self._rooms, self._settings = rooms, settings or Settings()
        self._faults: defaultdict[tuple[Moment, int], list[Fault]] = defaultdict(list)
        self._calls = self._events = self._asks = self._born = 0
        self._story: list[str] = []
        self._digest = hashlib.sha256()
        self._outage_until = START
        self._lease = Lease(self.timeline, weather, self.processes, self._start, self._tell)
        self._heard_version = ""
        self._stage = script.Stage(self.store, Ref(kinds.ROLLOUT, NAMESPACE, NAME), scenario.props)
        self._beats = list(script.parse(scenario.script))
        self._acting = False
        self._over_at: Instant | None = None
        self._quiet_from: Instant | None = None
        for fault in faults:
            if fault.what.moment is Moment.MILLISECOND:
                self.timeline.at(START.plus(fault.at / 1000), lambda fault=fault: self._strike(fault))  # type: ignore[misc]
            else:
                self._faults[fault.what.moment, fault.at].append(fault)
        self.store.listeners.append(self._hear)
        self._builtins = Builtins(
            self.store,
            lag_s={"replicasets": weather.set_lag_s},
            pod_ready_s=weather.pod_ready_s,
            options=WriteOptions("kube-controller-manager"),
        )

    # The run.

    def run(self) -> Outcome:
        """Play the story to its end, then judge the end."""
        for label, (kind, body) in self.scenario.props.items():
            if label not in (*self.scenario.absent, "run", "trial"):
                self.store.create(kind, NAMESPACE if kind.namespaced else "", body, script.AS_USER)
        self._start()
        if self.weather.standby:
            self._start()
        self._lease.elect()
        for _ in range(STEPS_MAX):
            if not self._step():
                break
        else:
            self.auditor.report("S34", f"no rest: {STEPS_MAX} steps in {self.timeline.elapsed_s:.0f} s")
        self._judge_end()
        return Outcome(
            tuple(self.auditor.problems),
            self._digest.hexdigest()[:16],
            tuple(self._story),
            ending(self.store),
            Size(self._calls, self._events, self._asks, int(self._active_s * 1000)),
            self.struck,
            self.auditor.writes,
        )

    @property
    def _active_s(self) -> float:
        """How long people had something to say."""
        return self._quiet_from.since(START) - SETTLE_S if self._quiet_from else self.timeline.elapsed_s

    def _step(self) -> bool:
        """Everything that is due at the next instant; False once the story is over."""
        wakes = [process.wake() for process in self.processes.values()]
        dues = (self.timeline.next_due(), self._builtins.next_due(), self._over_at, *wakes)
        due = min((one for one in dues if one is not None), default=None)
        if due is None or due.since(START) > VIRTUAL_S_MAX:
            return False
        self.timeline.now = max(self.timeline.now, due)
        now = self.timeline.now
        if self._over_at is not None and self._over_at <= now:
            return False
        while (first := self.timeline.next_due()) is not None and first <= now:
            self.timeline.pop()()
        self._builtins.step(now)
        for process in list(self.processes.values()):
            wake = process.wake()
            if wake is not None and wake <= now:
                process.turn()
        self._look()
        return True

    def _look(self) -> None:
        """People look at the cluster whenever it has changed, and act when their line says so."""
        if self._acting or not self._beats or self.store.version == self._heard_version:
            return
        self._heard_version = self.store.version
        if script.holds(self._beats[0], self._stage):
            self._acting = True
            self.timeline.after(self._beats[0].after_s, self._act)

    def _act(self) -> None:
        beat = self._beats.pop(0)
        self._tell(f"people: {beat}")
        script.act(beat, self._stage)
        self._acting, self._heard_version = False, ""
        if not self._beats:
            self._quiet_from = self.timeline.now.plus(SETTLE_S)
            self._over_at = self._quiet_from.plus(REST_S)

    def _judge_end(self) -> None:
        self.auditor.finish()
        stands = truth(self.store, self._stage.ref)
        if self._beats:
            said = f"{stands.status.get('phase')}: {stands.status.get('message')}"
            self.auditor.report("L1", f"the story stands still before `{self._beats[0]}` ({said})")
            return
        for words in self.scenario.ends:
            if not script.holds(script.Beat(words, "end"), self._stage):
                self.auditor.report(
                    "L1", f"not so at the end: {words} (weight {stands.weight}, {stands.status.get('phase')})"
                )
        if self._quiet_from is not None and self.auditor.last_write > self._quiet_from:
            self.auditor.report("S34", f"a write at rest, at {self.auditor.last_write.since(START):.1f} s")
        for process in self.processes.values():
            # Two leaders who saw different things undo each other's writes until one of them is told that he is none.
            if process.machine.counts.circling and not self.struck[What.TWO_LEADERS.name]:
                self.auditor.report("S34", "plans went in circles")

    def _start(self) -> None:
        skews_s = self.weather.skews_s
        name, skew_s = f"controller-{self._born + 1}", skews_s[self._born % len(skews_s)]
        self._born += 1
        self.processes[name] = Process(self, name, self._rooms, self._settings, skew_s)
        self._tell(f"{name} starts")

    # What processes ask of their surroundings.

    def send(self, process: Process, request: Request) -> None:
        """A request leaves; it arrives, and its response arrives, unless a fault strikes."""
        self._calls += 1
        call = Call(process, request, self.timeline.now)
        if not process.may_send:
            call.end(gate.lost(request))
            return
        call.root = process.root_of(request)
        self.auditor.sent(process, request, call.root)
        self._tell(
            f"{process.name} {request.verb} {request.ref}{'/' + request.subresource if request.subresource else ''}"
        )
        if process.is_cut_off:
            self._lose(call)
            return
        call.faults = self._faults.get((Moment.CALL, self._calls), ())
        for fault in call.faults:
            self._felt(fault)
        if call.meets(What.CRASH_BEFORE):
            self._lease.crash(process)
            return
        delay_s = self.weather.latency_s + sum(fault.amount_s for fault in call.faults if fault.what is What.SLOW)
        self.timeline.after(delay_s, lambda: self._arrive(call))

    def _arrive(self, call: Call) -> None:
        process, request = call.process, call.request
        if process.is_frozen:  # what a stopped process had handed to the network can come very late
            self.timeline.at(process.frozen_until, lambda: self._arrive(call))
            return
        if self._outage_until > self.timeline.now:
            response = gate.refusal(request, 503, "ServiceUnavailable")
        elif refused := next((one for fault in call.faults if (one := meddling.refusal(fault, request))), None):
            response = refused
        else:
            before = self.store.version
            response = gate.carry_out(self.store, request, process.name)
            if request.is_write and response.is_ok and self.store.version == before and not self.struck:
                self.auditor.report("S34", f"{request.verb} {request.ref} changed nothing")
        self._tell(f"{process.name} hears {response.status} to {request.verb} {request.ref}")
        if call.meets(What.CRASH_COMMITTED):
            self._lease.crash(process)
        elif call.meets(What.LOST_RESPONSE) or call.meets(What.LOST_REQUEST):
            self._lose(call)
        else:
            told = gate.refusal(request, 504, "Timeout") if call.meets(What.UNKNOWN) else response
            self.timeline.after(self.weather.latency_s, lambda: self._respond(call, told))

    def _lose(self, call: Call) -> None:
        self.timeline.after(self._settings.request_timeout_s, lambda: call.end(gate.lost(call.request)))

    def _respond(self, call: Call, response: Response) -> None:
        call.end(response)
        if call.meets(What.CRASH_AFTER):
            self._lease.crash(call.process)

    def ask(self, process: Process, ask: Ask) -> None:
        """A question to the metrics source, or to a step plugin."""
        self._asks += 1
        faults = self._faults.get((Moment.ASK, self._asks), ())
        for fault in faults:
            self._felt(fault)
        is_down = any(fault.what is What.ASK_ERROR for fault in faults)
        nonsense = next((f"nonsense{fault.about}" for fault in faults if fault.what is What.ASK_GARBAGE), "")
        word = self._word(ask, "error" if is_down else nonsense)
        wait_s = prometheus.ANSWER_S + sum(fault.amount_s for fault in faults)
        asked = process.clock.now()
        self._tell(f"{process.name} asks {ask.id}: {word}")
        if word == "hang" or wait_s >= ask.timeout_s:
            late = Answer(ask.id, asked, asked.plus(ask.timeout_s), error="timeout")
            self.timeline.after(ask.timeout_s, lambda: process.answered(late))
            return
        answered = asked.plus(wait_s)
        if isinstance(ask.question, StepCall):
            said = plugged.says(ask.question, self.scenario.plugin, is_down=is_down or bool(nonsense))
            if (passed := plugged.done(ask.question, said)) is not None:
                self.auditor.memory.plugged.add(passed)
            answer = Answer(ask.id, asked, answered, value=said, error="" if said else "down")
        else:
            answer = Answer(ask.id, asked, answered, value=prometheus.reply(word, answered))
        self.timeline.after(wait_s, lambda: process.answered(answer))

    def _word(self, ask: Ask, instead: str) -> str:
        if isinstance(ask.question, StepCall):
            return f"{ask.question.operation} {ask.question.execution}"
        return instead or prometheus.says(ask, self.store, self.scenario.metrics)

    def tell(self, process: Process, note: Note) -> None:
        """A note is heard; one about a room that raised is a problem of ours."""
        self._tell(f"{process.name} notes {note.reason}: {note.message}")
        if note.reason in ("ReconcileError", "ReconcileBroken"):
            self.auditor.report("P0", f"a room raised: {note.message}")

    def event_delay(self) -> tuple[float, float]:
        """How late the next watch event is, and after how long it comes again."""
        self._events += 1
        late_s = again_s = 0.0
        for fault in self._faults.get((Moment.EVENT, self._events), ()):
            self._felt(fault)
            if fault.what is What.LATE:
                late_s += fault.amount_s
            else:
                again_s += fault.amount_s
        return late_s, again_s

    # Faults that strike at an instant.

    def _strike(self, fault: Fault) -> None:
        self._felt(fault)
        match fault.what:
            case What.STALL | What.RELIST:
                for process in [one for one in self.processes.values() if one.alive]:
                    for kind in process.kinds:
                        if kind.name == fault.about:
                            act = process.stall if fault.what is What.STALL else process.relist
                            act(kind, fault.amount_s)
            case What.OUTAGE:
                self._outage_until = self.timeline.now.plus(fault.amount_s)
            case _ if fault.what in LEADERS:
                self._lease.strike(fault)
            case _:
                meddling.meddle(self.store, fault)

    def _felt(self, fault: Fault) -> None:
        self.struck[fault.what.name] += 1
        self._tell(f"fault {fault}")
        lasting_s = 120.0 + fault.amount_s if fault.what in STORM else 60.0 + fault.amount_s
        self.auditor.disturbed = max(self.auditor.disturbed, self.timeline.now.plus(lasting_s))

    # The record.

    def _hear(self, commit: Commit) -> None:
        meta = commit.object["metadata"]
        where = f"/{commit.subresource}" if commit.subresource else ""
        said = f"{commit.type} {commit.kind.name} {meta.get('namespace', '')}/{meta['name']}{where}"
        self._tell(f"v{commit.version} {said} by {commit.manager}")
        self.auditor.hear(commit)
        for process in self.processes.values():
            process.hear(commit)

    def _tell(self, line: str) -> None:
        told = f"{self.timeline.elapsed_s:10.3f}  {line}"
        self._story.append(told)
        self._digest.update(told.encode())
