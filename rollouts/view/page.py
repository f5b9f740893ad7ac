"""One Rollout as `get rollout` shows it: the header block, the tree, and with `wide` its judgement and events."""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.kit.instant import Instant
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest
from rollouts.view import events, facts, health, table, tree
from rollouts.view.facts import World
from rollouts.view.phase import phase_of
from rollouts.view.style import Role, Style, clean

LABEL_CELLS = 17
MEASUREMENTS_SHOWN = 3


def page(world: World, now: Instant, style: Style, *, wide: bool = False) -> list[str]:
    """The lines of the page. wide: also what each metric last measured, and the last events."""
    lines = [*header(world, style), "", *table.lines(tree.HEADINGS, tree.rows(tree.tree(world, now), now, style))]
    if wide:
        lines += _section("Analysis:", _judgement(world, style))
        lines += _section("Events:", events.lines(world.events, now))
    return lines


def header(world: World, style: Style) -> list[str]:
    """The block of labels above the tree; labels take 17 cells, as scripts that cut columns expect."""
    rollout = world.rollout
    phase, numbers = phase_of(rollout), facts.counts(rollout)
    lines = [
        _line("Name:", clean(obj.name(rollout))),
        _line("Namespace:", clean(obj.namespace(rollout))),
        _line("Status:", style.status(phase.state, clean(phase.name))),
    ]
    if phase.message:
        lines.append(_line("Message:", clean(phase.message)))
    lines.append(_line("Strategy:", facts.strategy(rollout)))
    if facts.strategy(rollout) == "Canary":
        lines.append(_line("  Step:", facts.step(rollout)).rstrip())
        lines.append(_line("  SetWeight:", str(facts.set_weight(rollout))))
        lines.append(_line("  ActualWeight:", str(facts.page_weight(world))))
    for number, (image, parts) in enumerate(facts.images(world)):
        named = ", ".join(style.paint(clean(part), facts.ROLES.get(part, Role.PLAIN)) for part in parts)
        lines.append(_line("Images:" if number == 0 else "", f"{clean(image)} ({named})" if named else clean(image)))
    return [
        *lines,
        "Replicas:",
        _line("  Desired:", str(numbers.desired)),
        _line("  Current:", str(numbers.current)),
        _line("  Updated:", str(numbers.updated)),
        _line("  Ready:", str(numbers.ready)),
        _line("  Available:", str(numbers.available)),
    ]


def experiment(world: World, now: Instant, style: Style, *, wide: bool = False) -> list[str]:
    """The page of an Experiment, which stands in the world's first place."""
    trial = world.rollout
    state, word = health.of_run(trial)
    lines = [
        _line("Name:", clean(obj.name(trial))),
        _line("Namespace:", clean(obj.namespace(trial))),
        _line("Status:", style.status(state, clean(word))),
    ]
    if message := facts.status(trial).get("message"):
        lines.append(_line("Message:", clean(message)))
    for number, image in enumerate(facts.experiment_images(trial)):
        lines.append(_line("Images:" if number == 0 else "", clean(image)))
    lines += ["", *table.lines(tree.HEADINGS, tree.rows(tree.experiment(world, trial, now), now, style))]
    if wide:
        lines += _section("Events:", events.lines(world.events, now))
    return lines


def _line(label: str, value: str) -> str:
    return f"{label:<{LABEL_CELLS}}{value}"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _judgement(world: World, style: Style) -> list[str]:
    """A line per metric of the newest revision's runs: verdict, the last values, and the sentence why."""
    runs = facts.owned(world.runs, world.rollout)
    newest = max((facts.revision(run) for run in runs), default=0)
    return [
        line
        for run in runs
        if facts.revision(run) == newest
        for metric in facts.status(run).get("metricResults") or ()
        for line in _metric(run, metric, style)
    ]


def _metric(run: Manifest, metric: Manifest, style: Style) -> list[str]:
    verdict = health.of_run({"metadata": {}, "status": metric})
    values = [str(each["value"]) for each in metric.get("measurements") or () if each.get("value") is not None]
    shown = ", ".join(clean(value) for value in values[-MEASUREMENTS_SHOWN:]) or "no value yet"
    dry = " (dry run)" if metric.get("dryRun") else ""
    lines = [f"{style.status(*verdict)} {clean(obj.name(run))} {clean(metric.get('name', ''))}{dry}: {shown}"]
    if metric.get("message"):
        lines.append(f"  {clean(metric['message'])}")
    return lines
