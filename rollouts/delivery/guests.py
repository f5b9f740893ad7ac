"""Sets of pods of an experiment that have a share of the traffic of their own while it runs.

An Experiment with such sets bears a mark from its birth, and its pods stay until the mark is gone: it goes once no
router leads to them any more. So no order of crashes leads anybody to pods that have left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from rollouts.api.rollout import ExperimentStep
from rollouts.core.plan import Patch, Stage
from rollouts.core.reader import Reader
from rollouts.delivery import marks
from rollouts.delivery.phase import Phase
from rollouts.delivery.seen import DeliverySeen, ExperimentSeen, GuestSeen, experiment_seen, service_seen, set_seen
from rollouts.kit.parts import objects
from rollouts.kube import kinds
from rollouts.kube import object as obj
from rollouts.kube.ref import Manifest, Ref
from rollouts.traffic import Beside


def weights(step: ExperimentStep) -> dict[str, int]:
    """Template → its share."""
    return {each.name: each.weight for each in step.templates if each.weight}


def gathered(rollout: Manifest, reader: Reader) -> tuple[ExperimentSeen, ...]:
    """The Experiments of a Rollout."""
    return tuple(_gathered(each, reader) for each in reader.owned_by(kinds.EXPERIMENT, obj.uid(rollout)))


def _gathered(manifest: Manifest, reader: Reader) -> ExperimentSeen:
    """An Experiment, with its sets where a router may lead to them."""
    seen = experiment_seen(manifest)
    return replace(seen, guests=tuple(_guests(manifest, reader))) if seen.carries else seen


def _guests(manifest: Manifest, reader: Reader) -> Iterator[GuestSeen]:
    sets = [set_seen(each) for each in reader.owned_by(kinds.REPLICA_SET, obj.uid(manifest))]
    for each in objects(manifest, "status", "templateStatuses"):
        name, hash_value = str(each.get("serviceName") or ""), str(each.get("podTemplateHash") or "")
        ref = Ref(kinds.SERVICE, obj.namespace(manifest), name)
        service = reader.get(ref) if name else None
        found = next((one for one in sets if one.hash == hash_value), None)
        if service is None or found is None:
            continue
        leads = service_seen(ref, service).hash == hash_value and not obj.is_deleting(service)
        ports = tuple(int(port["port"]) for port in (service.get("spec") or {}).get("ports") or () if port.get("port"))
        yield GuestSeen(str(each.get("name")), name, hash_value, found.usable if leads else 0, ports)


def wanted(seen: DeliverySeen, phase: Phase) -> tuple[Beside, ...]:
    """The shares of the experiment at which the update stands, while it runs and its pods are there."""
    latch = seen.latch
    if phase is not Phase.STEPPING or latch.step >= len(seen.canary.steps):
        return ()
    step, trial = seen.canary.steps[latch.step].experiment, seen.experiment_named(latch.experiment)
    if step is None or trial is None or trial.phase != "Running" or trial.is_terminated or trial.hash != latch.current:
        return ()
    shares = weights(step)
    ready = (each for each in trial.guests if each.template in shares and each.usable > 0)
    return tuple(Beside(each.service, shares[each.template], each.ports) for each in ready)


def within(seen: DeliverySeen, share: int, beside: tuple[Beside, ...]) -> tuple[Beside, ...]:
    """The shares where they find room beside the canary's; otherwise none of them."""
    return beside if share + sum(each.weight for each in beside) <= seen.traffic.total else ()


def present(seen: DeliverySeen) -> list[dict[str, Any]]:
    """What the routers give to experiments, read back, as the status tells it."""
    hashes = {guest.service: guest.hash for trial in seen.experiments for guest in trial.guests}
    return [
        {"weight": weight, "serviceName": name, "podTemplateHash": hashes.get(name, "")}
        for name, weight in _carried(seen).items()
    ]


def released(seen: DeliverySeen) -> Iterator[Patch]:
    """What lets the pods of experiments go: they are over, and no router leads to them."""
    carried = _carried(seen)
    for trial in seen.experiments:
        if trial.carries and trial.is_over and not any(guest.service in carried for guest in trial.guests):
            ref = Ref(kinds.EXPERIMENT, seen.ref.namespace, trial.name)
            body = {"metadata": {"annotations": {marks.CARRIES_TRAFFIC: None}}}
            yield Patch(ref, body, obj.uid(trial.manifest), obj.version(trial.manifest), stage=Stage.SHRINK)


def _carried(seen: DeliverySeen) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for _, routes in seen.routers:
        for route in routes:
            for each in route.beside:
                found[each.service] = max(each.weight, found.get(each.service, 0))
    return found
