"""The judge of bad requests: increments of both sides in, evidence carried on, a finding out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analysis.compare.terms import HISTORY_LOOKS_MAX, Finding, Side, Terms
from analysis.stats.align import Aligned, Counts, Look, total
from analysis.stats.decision import Decision, MetricEvidence, Verdict, decide
from analysis.stats.null import Choice, History, Table, among_canaries, choose, reconsider
from analysis.stats.sequential import CountsState, Evidence, e_value, forfeited, start, update

Strata = Mapping[str, tuple[Counts, Counts]]

POD_LOOKS_MAX = 20_000
RECENT_LOOKS, RECENT_POD_LOOKS_MAX = 12, 600  # where bursts are looked for at every look


@dataclass(frozen=True, slots=True)
class Pods:
    """Stable pods' looks, and the seconds from one to the next."""

    looks: History = ()
    every_s: float = 0.0

    def all(self) -> Pods:
        """As many as can be measured in a moment."""
        return Pods(bounded(self.looks, HISTORY_LOOKS_MAX, POD_LOOKS_MAX), self.every_s)

    def newest(self) -> Pods:
        """So few of them that they may be measured at every look."""
        return Pods(bounded(self.looks, RECENT_LOOKS, RECENT_POD_LOOKS_MAX), self.every_s)


@dataclass(frozen=True, slots=True)
class Memory:
    """All that outlives a look. choice: None until the canary has begun; began_s: when; absent_looks: looks in a row
    without data; aborted: why, once it has been: an abort is never taken back."""

    counts: CountsState
    choice: Choice | None = None
    began_s: float | None = None
    absent_looks: int = 0
    aborted: str = ""


def begin(terms: Terms) -> Memory:
    """The memory before the first look."""
    return Memory(start(terms.setup))


def judge(
    memory: Memory, gained: Aligned, terms: Terms, pods: Pods | None = None, strata: Strata | None = None, mark: int = 0
) -> tuple[Memory, Finding]:
    """One look of the rollout: the memory after it, and the finding.

    gained: disjoint increments by pod.  pods: stable pods' looks; at the first look those of the time before, later
    those since then (or none): they choose the null.  strata: the same increments by route or tenant, (canary, stable)
    each.  mark: the rollout's step."""
    choice = among_canaries(_chosen(memory, pods or Pods()), tuple(gained.canary.values()))
    counts = memory.counts
    if memory.choice is not None and choice.hold_s > memory.choice.hold_s:
        counts = forfeited(counts)
    gained = silent(gained) if memory.counts.looks else gained
    look = gained.look(mark)
    parts = [Look(look.at_s, canary, stable, look.canary_pods, look.stable_pods, mark)
             for canary, stable in (strata or {}).values()]  # fmt: skip
    memory = replace(
        memory,
        counts=update(counts, look, parts, choice.hold_s),
        choice=choice,
        began_s=gained.at_s if memory.began_s is None else memory.began_s,
        absent_looks=memory.absent_looks + 1 if gained.absent else 0,
    )
    return conclude(memory, terms, gained)


def silent(gained: Aligned) -> Aligned:
    """The increments with a side that has none named as absent; the first look of all is only a base."""
    sides = (("canary", gained.canary), ("stable", gained.stable))
    absent = [name for name, side in sides if not side and name not in gained.absent]
    if gained.warming or gained.absent or not absent:
        return gained
    odd = (*gained.oddities, *(f"no reading of {name}" for name in absent))
    return replace(gained, absent=tuple(absent), oddities=odd)


def _chosen(memory: Memory, pods: Pods) -> Choice:
    if memory.choice is None:
        return choose(pods.looks, pods.every_s)
    if not isinstance(pods.looks, Table) and not pods.looks:
        return memory.choice
    return reconsider(memory.choice, pods.looks, pods.every_s, is_thorough=is_thorough_at(memory.counts.looks))


def conclude(memory: Memory, terms: Terms, gained: Aligned) -> tuple[Memory, Finding]:
    """The finding on what the memory holds; an abort is latched."""
    choice = memory.choice or choose(())
    evidence = e_value(memory.counts, choice, terms.rules.alpha)
    decision = decide([_metric(memory, evidence)], terms.rules, _elapsed_s(memory, gained.at_s))
    if decision.verdict is Verdict.ABORT and not memory.aborted:
        memory = replace(memory, aborted=f"aborted at {gained.at_s:g} s: {decision.why}")
    finding = Finding(
        gained.at_s, Verdict.ABORT if memory.aborted else decision.verdict, evidence.bad, evidence.ok,
        evidence.rr, evidence.low, evidence.high, choice.null.value, _why(memory, decision, gained, evidence),
        Side(*memory.counts.canary, memory.counts.pods[0]), Side(*memory.counts.stable, memory.counts.pods[1]),
    )  # fmt: skip
    return memory, finding


def history(memory: Memory, gained: Aligned, looks: int) -> Finding:
    """What is said of a look before the canary began: nothing was judged."""
    stable = total(gained.stable.values())
    why = f"history: no canary yet; {looks} look{'s' if looks != 1 else ''} of stable pods so far"
    side = Side(stable.total, stable.bad, len(gained.stable))
    told = "; ".join((why, *gained.oddities[:_ODDITIES_TOLD]))
    null = memory.choice.null.value if memory.choice else "undecided"
    return Finding(gained.at_s, Verdict.INCONCLUSIVE, 1.0, 1.0, None, 0.0, None, null, told, Side(), side)


_ODDITIES_TOLD = 4


def _metric(memory: Memory, evidence: Evidence) -> MetricEvidence:
    counts = memory.counts
    return MetricEvidence(
        "errors", evidence.bad, evidence.ok, requests=counts.canary[0], absent_looks=memory.absent_looks
    )


def _elapsed_s(memory: Memory, at_s: float) -> float:
    return max(0.0, at_s - memory.began_s) if memory.began_s is not None else 0.0


def _why(memory: Memory, decision: Decision, gained: Aligned, evidence: Evidence) -> str:
    counts = memory.counts
    said = [memory.aborted or decision.why]
    if counts.canary[0] > 0 and counts.stable[0] > 0:
        said.append(f"canary {Side(*counts.canary)}, stable {Side(*counts.stable)} bad{_risk(evidence)}")
    elif not gained.absent:
        said.append(_silence(gained))
    said += [f"{gained.warming} pods are warming up"] if gained.warming else []
    said += gained.oddities[:_ODDITIES_TOLD]
    if (more := len(gained.oddities) - _ODDITIES_TOLD) > 0:
        said.append(f"and {more} more oddities")
    if memory.choice and counts.looks <= 1:
        said.append(memory.choice.why)
    return "; ".join(said)


def _risk(evidence: Evidence) -> str:
    if evidence.rr is None:
        return ""
    high = "any" if evidence.high is None else f"{evidence.high:.3g}"
    return f", relative risk {evidence.rr:.3g} ({evidence.low:.3g} to {high})"


def _silence(gained: Aligned) -> str:
    """Why a look brought nothing to compare."""
    if not gained.canary and not gained.stable:
        return "first reading of the counters: what they gain from now on is compared"
    canary, stable = total(gained.canary.values()).total, total(gained.stable.values()).total
    if canary <= 0 and stable <= 0:
        return "no requests yet, no evidence"
    return "the canary got no requests, no evidence" if canary <= 0 else "stable got no requests, no evidence"


def is_thorough_at(looks: int) -> bool:
    """Whether pods that differ are looked for after so many looks of the rollout: 6, 12, 24, 48, then every 48.

    Seldom enough that chance alone rarely makes steady pods look different."""
    return looks in (6, 12, 24) or (looks > 0 and looks % 48 == 0)


def bounded(looks: History, looks_max: int, pod_looks_max: int) -> History:
    """The newest looks at the stable pods, few enough to be measured in a moment; the newest always."""
    if isinstance(looks, Table):
        served = (looks.requests > 0).sum(axis=1)[::-1].cumsum()
        count = min(looks_max, max(1, int((served <= pod_looks_max).sum())))
        return Table(looks.requests[-count:], looks.bad[-count:])
    kept: list[Mapping[str, Counts]] = []
    room = pod_looks_max
    for look in reversed(looks[-looks_max:]):
        room -= len(look)
        if room < 0 and kept:
            break
        kept.append(look)
    return kept[::-1]
