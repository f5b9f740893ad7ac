"""Rollout → revision → ReplicaSet, AnalysisRun and Experiment → pods and Jobs, as nodes and as table rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import facts, health
from rollouts.view.age import age, span
from rollouts.view.facts import World
from rollouts.view.phase import phase_of
from rollouts.view.style import Role, State, Style, clean

_VERDICTS = {
    "successful": State.OK,
    "failed": State.BAD,
    "inconclusive": State.UNKNOWN,
    "error": State.WARNING,
}
HEADINGS = ("NAME", "KIND", "STATUS", "AGE", "INFO")


@dataclass(frozen=True, slots=True)
class Info:
    """One word of the last column, with an icon before it where it counts verdicts."""

    text: str
    role: Role = Role.PLAIN
    icon: State | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One line of the tree. `status` and `created` are None for a revision, which is only a heading."""

    kind: str
    name: str
    status: health.Health | None = None
    created: Instant | None = None
    info: tuple[Info, ...] = ()
    children: tuple[Node, ...] = ()


def tree(world: World, now: Instant) -> Node:
    """The whole tree, the newest revision first."""
    phase = phase_of(world.rollout)
    sets = facts.owned(world.replica_sets, world.rollout)
    runs = facts.owned(world.runs, world.rollout)
    trials = facts.owned(world.experiments, world.rollout)
    numbers = sorted({facts.revision(each) for each in (*sets, *runs, *trials)}, reverse=True)
    revisions = tuple(
        Node(
            "Revision",
            f"revision:{number}",
            children=(
                *(_replica_set(world, each, now) for each in sets if facts.revision(each) == number),
                *(experiment(world, each, now) for each in trials if facts.revision(each) == number),
                *(_run(world, each) for each in runs if facts.revision(each) == number),
            ),
        )
        for number in numbers
    )
    created = obj.created(world.rollout)
    return Node("Rollout", obj.name(world.rollout), (phase.state, phase.name), created, children=revisions)


def experiment(world: World, trial: Manifest, now: Instant) -> Node:
    """An Experiment with its sets of pods and its runs."""
    sets = (_replica_set(world, each, now) for each in facts.owned(world.replica_sets, trial))
    runs = (_run(world, each) for each in facts.owned(world.runs, trial))
    created = obj.created(trial)
    return Node("Experiment", obj.name(trial), health.of_run(trial), created, children=(*sets, *runs))


def rows(root: Node, now: Instant, style: Style) -> list[tuple[str, ...]]:
    """The tree as cells under HEADINGS."""
    return [_cells(node, prefix, now, style) for node, prefix in _walk(root, style)]


def _walk(root: Node, style: Style) -> Iterator[tuple[Node, str]]:
    """Every node with the branches in front of it, in reading order."""
    glyphs = style.glyphs
    pending: list[tuple[Node, str, str]] = [(root, "", "")]
    while pending:
        node, own, below = pending.pop()
        yield node, own
        last = len(node.children) - 1
        for number in range(last, -1, -1):
            fork, bar = (glyphs.last, glyphs.gap) if number == last else (glyphs.fork, glyphs.bar)
            pending.append((node.children[number], below + fork, below + bar))


def _cells(node: Node, prefix: str, now: Instant, style: Style) -> tuple[str, ...]:
    name = f"{prefix}{style.kind(node.kind)} {clean(node.name)}"
    if node.status is None:
        return (name, "", "", "", "")
    state, word = node.status
    info = ",".join(_word(each, style) for each in node.info)
    return (name, node.kind, style.status(state, clean(word)), age(node.created, now), info)


def _word(info: Info, style: Style) -> str:
    text = style.paint(clean(info.text), info.role)
    return style.status(info.icon, text) if info.icon else text


def _replica_set(world: World, replica_set: Manifest, now: Instant) -> Node:
    info = [Info(part, facts.ROLES[part]) for part in facts.parts(world, replica_set)]
    until = facts.deadline(replica_set)
    if until is not None and facts.replicas(replica_set) > 0:
        left_s = until.since(now)
        info.append(Info(f"delay:{span(left_s)}" if left_s > 0 else "delay:passed"))
    pods = facts.owned(world.pods, replica_set)
    return Node(
        "ReplicaSet",
        obj.name(replica_set),
        health.of_replica_set(replica_set),
        obj.created(replica_set),
        tuple(info),
        tuple(_pod(pod) for pod in pods),
    )


def _pod(pod: Manifest) -> Node:
    ready, total, restarts = health.pod_info(pod)
    info = [Info(f"ready:{ready}/{total}")]
    if restarts:
        info.append(Info(f"restarts:{restarts}"))
    return Node("Pod", obj.name(pod), health.of_pod(pod), obj.created(pod), tuple(info))


def _run(world: World, run: Manifest) -> Node:
    jobs = facts.owned(world.jobs, run)
    children = tuple(Node("Job", obj.name(job), health.of_job(job), obj.created(job)) for job in jobs)
    return Node("AnalysisRun", obj.name(run), health.of_run(run), obj.created(run), tally(run), children)


def tally(run: Manifest) -> tuple[Info, ...]:
    """An AnalysisRun's measurements by verdict, those that count only."""
    results = [each for each in facts.status(run).get("metricResults") or () if not each.get("dryRun")]
    counted = ((state, sum(facts.whole(each.get(key)) for each in results)) for key, state in _VERDICTS.items())
    return tuple(Info(str(number), icon=state) for state, number in counted if number)
