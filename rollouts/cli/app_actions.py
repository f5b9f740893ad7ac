"""`rollouts app actions list|run`: what may be done with an object of an Application, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from rollouts.cli import app as apps
from rollouts.cli import writes
from rollouts.cli.app_objects import choice_options, chosen, chosen_of, objects
from rollouts.cli.complete import names_of
from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import output_option, show, show_data
from rollouts.cli.writes import Decision
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.kit.instant import Instant
    from rollouts.kube.ref import Manifest, Ref

_HERE = "rollouts.cli.app_actions"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
FORCED_AT = "force-sync"

Parameters: TypeAlias = Mapping[str, str]
Action: TypeAlias = "Callable[[Manifest, Instant, Parameters], Decision]"


def _of(decide: Callable[[Manifest], Decision]) -> Action:
    return lambda live, now, parameters: decide(live)


def _flag(field: str, value: bool, said: str) -> Action:
    """Set a field of the spec; nothing where it says so already."""

    def decide(live: Manifest, now: Instant, parameters: Parameters) -> Decision:
        is_so = bool((live.get("spec") or {}).get(field)) is value
        return Decision(f"{said} already" if is_so else said, spec=None if is_so else {"spec": {field: value}})

    return decide


def _rolled(live: Manifest, now: Instant, parameters: Parameters) -> Decision:
    mark = {"metadata": {"annotations": {RESTARTED_AT: now.rfc3339_whole()}}}
    return Decision("restarted", spec={"spec": {"template": mark}})


def _scaled(live: Manifest, now: Instant, parameters: Parameters) -> Decision:
    text = parameters.get("replicas", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return Decision("", refusal=f"scale: replicas is {text or 'missing'!r}", fix="-p replicas=3")
    return Decision(f"scaled to {int(text)}", spec={"spec": {"replicas": int(text)}})


def _refreshed(live: Manifest, now: Instant, parameters: Parameters) -> Decision:
    return Decision("refreshed", spec={"metadata": {"annotations": {FORCED_AT: now.rfc3339_whole()}}})


def _toggled(live: Manifest, now: Instant, parameters: Parameters) -> Decision:
    policy = (live.get("spec") or {}).get("syncPolicy") or {}
    before = policy.get("automated")
    is_on = before is not None and before.get("enabled") is not False
    said = f"automated sync is {'off' if is_on else 'on'}"
    return Decision(said, spec={"spec": {"syncPolicy": {"automated": {"enabled": not is_on}}}})


_RESUME, _PAUSE = _flag("paused", False, "resumed"), _flag("paused", True, "paused")
_GO_ON, _SUSPEND = _flag("suspend", False, "resumed"), _flag("suspend", True, "suspended")

ACTIONS: Mapping[tuple[str, str], Mapping[str, Action]] = {
    ("apps", "Deployment"): {"pause": _PAUSE, "restart": _rolled, "resume": _RESUME, "scale": _scaled},
    ("apps", "StatefulSet"): {"restart": _rolled, "scale": _scaled},
    ("apps", "DaemonSet"): {"restart": _rolled},
    ("batch", "CronJob"): {"resume": _GO_ON, "suspend": _SUSPEND},
    ("batch", "Job"): {"resume": _GO_ON, "suspend": _SUSPEND},
    ("argoproj.io", "Rollout"): {
        "abort": _of(writes.abort),
        "pause": _of(writes.pause),
        "promote-full": _of(lambda live: writes.promote(live, full=True)),
        "restart": lambda live, now, parameters: writes.restart(live, now, 0.0),
        "resume": _of(writes.resume),
        "retry": _of(writes.retry),
        "skip-current-step": _of(lambda live: writes.skip(live, "one")),
    },
    ("argoproj.io", "AnalysisRun"): {"terminate": _of(writes.terminate)},
    ("argoproj.io", "Experiment"): {"terminate": _of(writes.terminate)},
    ("argoproj.io", "Application"): {"toggle-auto-sync": _toggled},
    ("external-secrets.io", "ExternalSecret"): {"refresh": _refreshed},
}
WITH_PARAMETERS = frozenset({_scaled})


@click.group(
    "actions",
    cls=LazyGroup,
    table={
        "list": Lazy(_HERE, "List what may be done with an Application's objects.", "list_command"),
        "run": Lazy(_HERE, "Do one of these.", "run_command"),
    },
)
def command() -> None:
    """Restart, scale, pause, promote: what may be done with an Application's objects, by kind."""


@kube_command(
    "list",
    examples="""
    rollouts app actions list web -n argocd
    rollouts app actions list web --kind Rollout
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@choice_options(several=False)
@output_option("json", "yaml")
@click.pass_context
def list_command(ctx: click.Context, /, name: str, output: str | None, **given: Any) -> None:
    """List what may be done with an Application's objects; what would change nothing now is disabled."""
    from rollouts.cli import connection as wire
    from rollouts.view import table
    from rollouts.view.style import clean

    wanted = chosen_of(given)

    async def once() -> None:
        async with wire.open_cluster(connection(ctx)) as cluster:
            found = await objects(cluster, await apps.found(cluster, name), wanted)
        rows = [
            {"group": ref.kind.group, "kind": ref.kind.name, "name": ref.name, "action": word, "disabled": not is_open}
            for ref, live in found
            for word, is_open in _open(ref, live, wire.now()).items()
        ]
        if output:
            show_data(rows, output)
            return
        cells = [
            tuple(clean(str(cell).lower() if cell in (True, False) else cell) for cell in row.values()) for row in rows
        ]
        show(table.lines(("GROUP", "KIND", "NAME", "ACTION", "DISABLED"), cells))

    wire.run(once())


@kube_command(
    "run",
    examples="""
    rollouts app actions run web restart -n argocd --kind Deployment --resource-name web
    rollouts app actions run web promote-full --kind Rollout
    rollouts app actions run web scale --kind Deployment --resource-name web -p replicas=3
    """,
)
@click.argument("name", shell_complete=names_of(APPLICATION))
@click.argument("action")
@choice_options()
@click.option("-p", "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Parameter of the action.")
@click.pass_context
def run_command(ctx: click.Context, /, name: str, action: str, parameters: tuple[str, ...], **given: Any) -> None:
    """Restart, scale, pause, resume, promote-full, … : one action for an object of the Application."""
    from rollouts.cli import connection as wire
    from rollouts.cli.acting import carry_out

    wanted = chosen_of(given)
    pairs = {each.partition("=")[0]: each.partition("=")[2] for each in parameters}

    async def once() -> None:
        async with wire.open_cluster(connection(ctx)) as cluster:
            app = await apps.found(cluster, name)
            for ref, live in await chosen(cluster, app, wanted):
                decision = _action(ref, action)({**live, "kind": ref.kind.name}, wire.now(), pairs)
                if decision.refusal:
                    raise ComplaintError(f"{ref}: {decision.refusal}", fix=decision.fix)
                await carry_out(cluster, ref, decision)
                show([f"{ref}: {decision.said}"])

    wire.run(once())


def _action(ref: Ref, name: str) -> Action:
    known = ACTIONS.get((ref.kind.group, ref.kind.name), {})
    if (action := known.get(name)) is None:
        hint = meant(name, known) or (f"known: {', '.join(known)}" if known else "there is none for this kind")
        raise ComplaintError(f"{ref.kind.name} has no action {name!r}", fix=hint, code=Exit.USAGE)
    return action


def _open(ref: Ref, live: Manifest, now: Instant) -> dict[str, bool]:
    """The actions of an object, and whether each would change anything now."""
    found = {}
    for name, action in ACTIONS.get((ref.kind.group, ref.kind.name), {}).items():
        decision = action({**live, "kind": ref.kind.name}, now, {})
        found[name] = action in WITH_PARAMETERS or decision.status is not None or decision.spec is not None
    return found
