"""`rollouts demo`: a cluster, an ingress controller, real requests and a canary judged by them, in one process tree."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import no_color_option, show, style
from rollouts.view.style import Role, State, Style, clean

if TYPE_CHECKING:
    from rollouts.devplane.demo import Line, Outcome
    from rollouts.devplane.stage import Settings
    from rollouts.devplane.story import Scenario
    from rollouts.kube.ref import Manifest

SCENARIOS = ("good", "bad-release", "controller-crash")
SPEED_MAX = 20.0
_STATES = {
    "Healthy": State.OK,
    "Degraded": State.BAD,
    "Paused": State.PAUSED,
    "Progressing": State.PROGRESSING,
}
_QUIET = frozenset({"ScalingReplicaSet"})
_BAR_CELLS = 20
_LINES_PER_HEADING = 20
_HEADING = (
    f"{'time':>6}   {'phase':<11} {'step':>5} {'weight':>6}  {'share of requests, measured':<45}  "
    f"{'requests':>8} {'errors':>6} {'failed':>6}  last measurement"
)


class TextScreen:
    """The story as plain lines, one after the other: the same on a terminal and in a file."""

    def __init__(self, look: Style, *, all_events: bool) -> None:
        self._look = look
        self._all_events = all_events
        self.outcome: Outcome | None = None
        self._told = 0

    def say(self, text: str) -> None:
        """A sentence of the narrator."""
        show([self._look.paint(f"# {text}", Role.CANARY)])

    def line(self, line: Line) -> None:
        """The state of the moment; the columns are named again from time to time."""
        if self._told % _LINES_PER_HEADING == 0:
            show([self._look.paint(_HEADING, Role.FAINT)])
        self._told += 1
        frame = line.frame
        state = self._look.icon(_STATES.get(frame.phase, State.UNKNOWN))
        step = f"{'-' if frame.step is None else frame.step}/{frame.steps}"
        weight = "-" if frame.weight is None else f"{frame.weight} %"
        shares = " ".join(f"{name or 'nobody'} {part:.0%}" for name, part in line.shares.items())
        lost = f"{line.tool_failures:>6}"
        counts = f"{line.requests:>8} {line.application_errors:>6} "
        parts = [
            f"{line.at_s:5.1f}s {state} {frame.phase or 'Pending':<11} {step:>5} {weight:>6}",
            f"{self._bar(line)} {shares:<24}",
            counts + (self._look.paint(lost, Role.BAD) if line.tool_failures else lost),
            clean(frame.measurement),
        ]
        show(["  ".join(parts).rstrip()])

    def _bar(self, line: Line) -> str:
        """The share of the new release, drawn."""
        if not line.shares:
            return " " * _BAR_CELLS
        cells = round(line.shares.get(line.release, 0.0) * _BAR_CELLS)
        return self._look.paint("#" * cells, Role.CANARY) + self._look.paint("-" * (_BAR_CELLS - cells), Role.STABLE)

    def event(self, at_s: float, event: Manifest) -> None:
        """A Kubernetes Event, as it is made."""
        reason = str(event.get("reason"))
        if reason in _QUIET and not self._all_events:
            return
        about = event.get("involvedObject") or {}
        what = f"{about.get('kind', '')}/{about.get('name', '')}"
        text = clean(f"{at_s:5.1f}s   {event.get('type')} {reason} {what}: {event.get('message')}")
        show([self._look.paint(text, Role.BAD if event.get("type") == "Warning" else Role.FAINT)])

    def end(self, outcome: Outcome) -> None:
        """How it ended, with the figures."""
        self.outcome = outcome
        wide = max((len(name) for name in outcome.facts), default=0)
        show(["", *(f"  {name:<{wide}}  {clean(value)}" for name, value in outcome.facts.items())])
        if outcome.faults:
            for fault in outcome.faults:
                show([f"{self._look.icon(State.BAD)} {line}" if not at else f"  {line}" for at, line in _lines(fault)])
        else:
            show([f"{self._look.icon(State.OK)} the story ended as told"])


def _lines(text: str) -> list[tuple[int, str]]:
    return [(at, clean(line)) for at, line in enumerate(text.splitlines())]


@kube_command(
    "demo",
    connects=False,
    examples="""
    rollouts demo
    rollouts demo --scenario bad-release --exit-when-done
    rollouts demo --scenario controller-crash --speed 1
    """,
)
@click.option("--scenario", type=click.Choice(SCENARIOS), default="good", show_default=True, help="The story to play.")
@click.option("--exit-when-done", is_flag=True, help="End with the story; else the cluster stays until Ctrl-C.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0.5, max=SPEED_MAX),
    default=5.0,
    show_default=True,
    help="Divide every pause and interval of the example by this.",
)
@click.option(
    "--rate", "rate_per_s", type=click.IntRange(1, 500), default=100, show_default=True, help="Requests a second."
)
@click.option("--embedded-metrics", is_flag=True, help="Our own PromQL even where Prometheus is installed.")
@click.option("--all-events", is_flag=True, help="Show the events of scaling, too.")
@no_color_option
def command(*, scenario: str, exit_when_done: bool, all_events: bool, no_color: bool, **knobs: Any) -> int:
    """Watch a canary be judged by real requests, without a cluster: everything runs here, on the loopback device."""
    from rollouts.devplane.stage import Settings
    from rollouts.devplane.story import SCENARIOS as STORIES

    settings = Settings(**knobs)
    screen = TextScreen(style(no_color=no_color), all_events=all_events)
    try:
        asyncio.run(_play(settings, STORIES[scenario], screen, stays=not exit_when_done))
    except FileNotFoundError as error:
        raise ComplaintError(str(error), fix="pip install 'rollouts[demo]'") from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        if screen.outcome is None:
            return Exit.INTERRUPTED
    assert screen.outcome is not None
    return Exit.ERROR if screen.outcome.faults else Exit.OK


async def _play(settings: Settings, scenario: Scenario, screen: TextScreen, *, stays: bool) -> None:
    """Play with SIGTERM ending it as Ctrl-C does."""
    from rollouts.devplane.demo import perform

    task = asyncio.current_task()
    assert task is not None
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await perform(settings, scenario, screen, stays=stays)
