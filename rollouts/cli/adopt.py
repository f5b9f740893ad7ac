"""`rollouts adopt`: what taking these Rollouts over from another controller would do, and how to switch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.errors import Exit
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection
from rollouts.cli.output import no_color_option, show, style

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.cli.forecast import Forecast
    from rollouts.core.plan import Action
    from rollouts.kit.instant import Instant
    from rollouts.kube.ref import Manifest

LOCK = "argo-rollouts-controller-lock"
INSTANCE = "argo-rollouts.argoproj.io/controller-instance-id"
HASH = "rollouts-pod-template-hash"
KEPT, GOES_ON, DIFFERS, REFUSED = "kept as it is", "its update goes on", "CHANGES", "REFUSED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a take-over would mean for one Rollout. deeds: what it would do beyond reports and marks."""

    namespace: str
    name: str
    phase: str
    word: str
    deeds: tuple[str, ...]
    rule: str

    @property
    def is_good(self) -> bool:
        """Whether nobody behind this Rollout would notice."""
        return self.word in (KEPT, GOES_ON)


@dataclass(frozen=True, slots=True)
class Lock:
    """A Lease of the contract's name. is_ours: this project's controller holds it.  is_held: somebody renews it."""

    namespace: str
    name: str
    holder: str
    is_ours: bool
    is_held: bool


@kube_command(
    "adopt",
    examples="""
    rollouts adopt -A               # what a take-over of the whole cluster would do
    rollouts adopt -n shop -o json  # of one namespace, as data
    """,
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Look at the Rollouts of every namespace.")
@click.option("--instance-id", default="", metavar="ID", help="Look at the objects labelled with this instance id.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="Print data in place of text.")
@no_color_option
@click.pass_context
def command(ctx: click.Context, all_namespaces: bool, instance_id: str, form: str | None, no_color: bool) -> int:
    """Say what taking Rollouts over from another controller would do, then how to switch.

    Nothing is written. Each Rollout is given to this controller's own decision as it stands now, in mid-update too:
    ReplicaSets, weights and steps that the other controller made are recognised and kept. Exit code 1: the take-over
    would start or stop pods, move traffic, or refuse a spec.
    """
    from rollouts.cli import connection as wire

    with asyncio.Runner() as runner:
        opened = wire.open_cluster(connection(ctx))
        cluster = runner.run(opened.__aenter__())
        try:
            verdicts = list(_verdicts(cluster, runner, all_namespaces, instance_id))
            locks = runner.run(_locks(cluster, instance_id, wire.now()))
        finally:
            runner.run(opened.__aexit__(None, None, None))
    if form == "json":
        click.echo(json.dumps(_data(verdicts, locks), indent=2))
    else:
        show([*_table(verdicts, no_color), "", *_switching(locks, instance_id)])
    return Exit.OK if all(each.is_good for each in verdicts) else Exit.ERROR


def _verdicts(cluster: Cluster, runner: asyncio.Runner, everywhere: bool, instance_id: str) -> Iterator[Verdict]:
    from rollouts.cli.connection import Cluster, Query, now
    from rollouts.cli.explain import LiveReader
    from rollouts.cli.forecast import forecast
    from rollouts.kube import kinds
    from rollouts.kube import object as obj
    from rollouts.shell.wiring import ROOMS

    room = next(each for each in ROOMS["delivery"] if each.kind == kinds.ROLLOUT)
    labels = f"{INSTANCE}={instance_id}" if instance_id else f"!{INSTANCE}"
    listing = runner.run(cluster.list(Query(kinds.ROLLOUT, "" if everywhere else cluster.namespace, labels=labels)))
    readers: dict[str, LiveReader] = {}
    for rollout in sorted(listing.items, key=lambda each: (obj.namespace(each), obj.name(each))):
        space = obj.namespace(rollout)
        reader = readers.setdefault(space, LiveReader(Cluster(cluster.client, space), runner.run))
        yield verdict(rollout, forecast(room, obj.ref(kinds.ROLLOUT, rollout), reader, now()))


def verdict(rollout: Manifest, told: Forecast) -> Verdict:
    """What the forecast means for whoever is behind the Rollout."""
    from rollouts.kube import kinds
    from rollouts.kube import object as obj
    from rollouts.kube.conditions import find

    deeds = tuple(deed for action, before in told.writes if (deed := _deed(action, before)))
    status: Mapping[str, Any] = rollout.get("status") or {}
    phase = str(status.get("phase") or "")
    is_refused = any(find(report.get("conditions"), "InvalidSpec") for report in _reports(told))
    makes_set = any(action.ref.kind == kinds.REPLICA_SET and before is None for action, before in told.writes)
    is_updating = bool(status.get("stableRS")) and status.get("stableRS") != status.get("currentPodHash")
    if is_refused and phase != "Degraded":
        word = REFUSED
    elif not deeds:
        word = KEPT
    else:
        word = GOES_ON if is_updating and not makes_set else DIFFERS
    return Verdict(obj.namespace(rollout), obj.name(rollout), phase, word, deeds, told.rule)


def _reports(told: Forecast) -> Iterator[Mapping[str, Any]]:
    for action, _ in told.writes:
        body = getattr(action, "body", None)
        if isinstance(body, Mapping) and isinstance(body.get("status"), Mapping):
            yield body["status"]


def _deed(action: Action, before: Manifest | None) -> str:
    """A write that pods or requests notice, as a person would say it; "" for reports and marks."""
    from rollouts.core.plan import Create, Delete, Evict, Patch
    from rollouts.kube import kinds

    ref = action.ref
    if isinstance(action, Create):
        size = (action.body.get("spec") or {}).get("replicas")
        return f"create {ref.kind.name} {ref.name}" + (f" with {size} pods" if size is not None else "")
    if isinstance(action, Delete | Evict):
        has_pods = ref.kind != kinds.REPLICA_SET or bool(((before or {}).get("spec") or {}).get("replicas"))
        return f"{'evict' if isinstance(action, Evict) else 'delete'} {ref.kind.name} {ref.name}" if has_pods else ""
    if not isinstance(action, Patch) or not isinstance(action.body, Mapping):
        return f"patch {ref.kind.name} {ref.name}"
    spec = action.body.get("spec") or {}
    if ref.kind == kinds.REPLICA_SET and "replicas" in spec:
        had = ((before or {}).get("spec") or {}).get("replicas")
        return f"scale ReplicaSet {ref.name} from {had} to {spec['replicas']} pods"
    if ref.kind == kinds.SERVICE and HASH in (spec.get("selector") or {}):
        return f"point Service {ref.name} at {spec['selector'][HASH]}"
    if ref.kind in (kinds.REPLICA_SET, kinds.SERVICE, kinds.ROLLOUT, kinds.POD):
        return ""
    changed = sorted((action.body.get("metadata") or {}).get("annotations") or {}) + sorted(spec)
    return f"change {ref.kind.name} {ref.name}: {', '.join(changed)}"


async def _locks(cluster: Cluster, instance_id: str, now: Instant) -> tuple[Lock, ...] | None:
    """Every Lease of the contract's name, None where they may not be listed."""
    from rollouts.cli.connection import Query, RefusedError
    from rollouts.kit.instant import Instant
    from rollouts.kube import kinds
    from rollouts.kube import object as obj
    from rollouts.shell.claim import is_ours

    name = f"{LOCK}-{instance_id}" if instance_id else LOCK
    try:
        found = await cluster.list(Query(kinds.LEASE, "", fields=f"metadata.name={name}"))
    except RefusedError:
        return None
    locks = []
    for each in found.items:
        spec: Mapping[str, Any] = each.get("spec") or {}
        holder, renewed = str(spec.get("holderIdentity") or ""), Instant.parse(spec.get("renewTime"))
        lasts_s = float(spec.get("leaseDurationSeconds") or 15)
        is_held = bool(holder) and renewed is not None and renewed.plus(2 * lasts_s) > now
        locks.append(Lock(obj.namespace(each), name, holder, is_ours(holder), is_held))
    return tuple(locks)


def _table(verdicts: list[Verdict], no_color: bool) -> Iterator[str]:
    from rollouts.view import table
    from rollouts.view.style import Role, clean

    if not verdicts:
        yield "no Rollouts here"
        return
    looks = style(no_color=no_color)
    rows = [(each.namespace, each.name, each.phase or "-", each.word) for each in verdicts]
    lines = table.lines(("NAMESPACE", "NAME", "PHASE", "TAKE-OVER"), rows)
    yield lines[0]
    for line, each in zip(lines[1:], verdicts, strict=True):
        yield line if each.is_good else looks.paint(line, Role.BAD)
        yield from (f"    {clean(deed)}" for deed in each.deeds)
        if not each.is_good:
            yield f"    because: {clean(each.rule)}"
    good = sum(each.is_good for each in verdicts)
    yield ""
    yield f"{good} of {len(verdicts)} Rollouts would be taken over without a restart or a jump in traffic"


def _switching(locks: tuple[Lock, ...] | None, instance_id: str) -> Iterator[str]:
    """Who leads now, and what to do next."""
    suffix = f"-{instance_id}" if instance_id else ""
    if locks is None:
        yield "who leads is not known: you may not list Leases"
    elif not locks:
        yield f"no Lease {LOCK}{suffix} in any namespace: no controller of this API runs with leader election"
    for each in locks or ():
        whose = "this controller's own" if each.is_ours else "another controller's"
        last = f"not renewed any more, last by {each.holder}" if each.holder else "released"
        state = f"held by {each.holder}, {whose}" if each.is_held else last
        yield f"Lease {each.namespace}/{each.name}: {state}"
    others = [each for each in locks or () if each.is_held and not each.is_ours]
    if any(each.is_held and each.is_ours for each in locks or ()) and not others:
        yield "this controller leads already: nothing is left to switch"
        return
    space = others[0].namespace if others else "NAMESPACE"
    yield ""
    yield "To switch, in this order:"
    yield f"  1. install this controller with --lease-namespace {space}: it reads along, is not ready, writes nothing"
    yield "  2. optional: rollouts controller --shadow tells for as long as you like where the two differ"
    yield f"  3. stop the other one: kubectl -n {space} scale deployment argo-rollouts --replicas=0"
    yield "  4. within 15 s this one leads and is ready: rollouts adopt -A says so"
    yield "To go back: scale this one to 0 and the other one up; everything that it needs is kept as it left it."


def _data(verdicts: list[Verdict], locks: tuple[Lock, ...] | None) -> dict[str, Any]:
    from dataclasses import asdict

    rows = [{**asdict(each), "deeds": list(each.deeds), "good": each.is_good} for each in verdicts]
    return {"rollouts": rows, "leases": None if locks is None else [asdict(each) for each in locks]}
