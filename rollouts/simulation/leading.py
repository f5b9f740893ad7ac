"""Who leads: the Lease, its holders, and every way of losing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from rollouts.simulation.faults import Fault, Weather, What
from rollouts.simulation.process import RENEW_DEADLINE_S, Process
from rollouts.simulation.timeline import START, Timeline

LEASE_S = 15.0
ELECTION_S = 2.0


class Lease:
    """Gives terms to processes. start: brings another process up, as whoever supervises them does."""

    def __init__(
        self,
        timeline: Timeline,
        weather: Weather,
        processes: Mapping[str, Process],
        start: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._timeline, self._weather, self._processes = timeline, weather, processes
        self._start, self._tell = start, tell
        self._term = 0
        self._free = START

    @property
    def holder(self) -> Process | None:
        """Whom the Lease names, if that process lives."""
        return next((one for one in self._processes.values() if one.alive and one.term == self._term), None)

    def elect(self) -> None:
        """Give the lease, once it has run out, to the first process that is alive; with nobody there try again."""
        alive = [each for each in self._processes.values() if each.alive and each.is_reachable]
        if any(each.term == self._term and self._term for each in alive):
            return
        if not alive or self._free > self._timeline.now:
            self._timeline.at(max(self._free, self._timeline.now.plus(ELECTION_S)), self.elect)
            return
        self._give(next((each for each in alive if each.term is None), alive[0]))

    def crash(self, process: Process) -> None:
        """A process dies, and comes back as another one."""
        if not process.alive:
            return
        self._tell(f"{process.name} dies")
        was_leading = process is self.holder
        process.die()
        self._timeline.after(self._weather.restart_s, self._start)
        if was_leading:
            self._vacate(LEASE_S if self._weather.standby else 0.0)

    def strike(self, fault: Fault) -> None:
        """One of the faults that concern the leader."""
        leader = self.holder
        if leader is None:
            return
        match fault.what:
            case What.CRASH:
                self.crash(leader)
            case What.FREEZE:
                leader.freeze(fault.amount_s)
                self._vacate(LEASE_S if self._weather.standby else 0.0)
                self._timeline.after(fault.amount_s, lambda: self._timeline.after(0.0, lambda: self._depose(leader)))
            case What.CUT_OFF:
                leader.cut_off(fault.amount_s)
                if fault.amount_s >= RENEW_DEADLINE_S:
                    self._vacate(LEASE_S)
                    self._timeline.after(RENEW_DEADLINE_S, lambda: self._depose(leader))
            case What.DEPOSED:
                self._term += 1  # somebody else has written himself into the Lease
                self._depose(leader)
                self._vacate(ELECTION_S)
            case What.TWO_LEADERS:
                if self._rival(leader):
                    self._timeline.after(fault.amount_s, lambda: self._depose(leader))
            case What.CLOCK_SET:
                leader.skew_s += fault.amount_s
            case _:
                assert_never(fault.what)  # type: ignore[arg-type]

    def _rival(self, leader: Process) -> bool:
        """Another process is given a term, and the leader does not know; False where there is none."""
        waiting = (each for each in self._processes.values() if each.alive and each.term is None and each.is_reachable)
        if (rival := next(waiting, None)) is None:
            return False
        self._tell(f"{leader.name} believes that it leads still")
        self._give(rival)
        return True

    def _give(self, process: Process) -> None:
        self._term += 1
        self._tell(f"{process.name} leads term {self._term}")
        process.lead(self._term)

    def _vacate(self, after_s: float) -> None:
        """The holder of the lease is gone or stopped; nobody knows before the lease has run out."""
        self._free = self._timeline.now.plus(after_s)
        self._timeline.after(0.0, self.elect)

    def _depose(self, process: Process) -> None:
        """A process that finds its lease lost has had its last turn, and exits."""
        if not process.alive:
            return
        was_holder = process is self.holder
        process.lead(None)
        process.turn()
        self.crash(process)
        if was_holder:
            self._vacate(ELECTION_S)
