"""The optional admission webhook: what lint and the controller would refuse is refused before it is stored.

The controller is safe without it. kopf brings the server and the protocol; the verdict is the controller's own.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kopf
from kopf import WebhookClientConfig, WebhookFn

from rollouts import experiments
from rollouts.api.parse import PARSERS
from rollouts.core.errors import Refusal
from rollouts.delivery.rules import field_error, refusals
from rollouts.kube import kinds
from rollouts.kube.ref import Manifest
from rollouts.runs import judge
from rollouts.shell import logs
from rollouts.shell.kubeconfig import Access

OBJECT_BYTES_MAX = 1 << 20  # etcd takes 1.5 MB, and a status is still to come
TOLD_MAX = 10
WARNING_CHARS_MAX = 256  # the API server cuts longer ones
JUDGED = (kinds.ROLLOUT, kinds.ANALYSIS_TEMPLATE, kinds.CLUSTER_ANALYSIS_TEMPLATE, kinds.ANALYSIS_RUN, kinds.EXPERIMENT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with an object, and what is only strange about it."""

    errors: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()

    def message(self, kind: str, name: str) -> str:
        """All errors in the words of the API server, each with its mend."""
        told = [field_error(each) + (f" ({each.fix})" if each.fix else "") for each in self.errors[:TOLD_MAX]]
        if len(self.errors) > TOLD_MAX:
            told.append(f"and {len(self.errors) - TOLD_MAX} more")
        return f'The {kind} "{name}" is invalid: {"; ".join(told)}'


def verdict(manifest: Manifest, before: Manifest | None = None) -> Verdict:
    """The validator that lint and the controller use, on one object alone: what it names may come later.

    before: the object as it is stored. A spec that does not change passes, so that what is invalid already can still
    be labelled, finalized and deleted.
    """
    kind = str(manifest.get("kind"))
    if kind not in PARSERS or (before is not None and before.get("spec") == manifest.get("spec")):
        return Verdict()
    if (size := len(json.dumps(manifest.get("spec"), default=str))) > OBJECT_BYTES_MAX:
        text = f"must have at most {OBJECT_BYTES_MAX} bytes"
        return Verdict((Refusal("TooLarge", "spec", text, got=f"{size} bytes", kind="Too long"),))
    parsed = PARSERS[kind](manifest, strict=True)
    if kind == "Rollout":
        return Verdict(refusals(parsed, None))
    errors, warnings = list(parsed.refusals), []
    if kind == "Experiment":
        found = experiments.judge(parsed.name, parsed.spec) if parsed.spec is not None else ()
        return Verdict((*parsed.refusals, *found))
    if isinstance(manifest.get("spec"), Mapping):
        args = None if parsed.spec is None else parsed.spec.args
        for refusal, severity in judge(manifest["spec"], args, is_run=kind == "AnalysisRun"):
            if severity == "error":
                errors.append(refusal)
            elif severity == "warning":
                warnings.append(refusal)
    return Verdict(tuple(errors), tuple(warnings))


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen. certificate, key: PEM files, both None for plain HTTP behind something that speaks TLS.

    address "": every interface.
    """

    port: int = 9443
    address: str = ""
    certificate: Path | None = None
    key: Path | None = None
    log_level: str = "info"


def registry(access: Access) -> kopf.OperatorRegistry:
    """kopf's table of handlers: one that judges each kind, and one that says who we are."""
    made = kopf.OperatorRegistry()
    kopf.on.login(registry=made)(_login(access))
    for kind in JUDGED:
        name = kind.name.lower()
        validate = kopf.on.validate(
            kind.group, kind.version, kind.plural, id=name, operations=["CREATE", "UPDATE"], registry=made
        )
        validate(_judged)
    return made


def _judged(*, body: Mapping[str, Any], warnings: list[str], **given: Any) -> None:
    """A handler of kopf's: silence admits, AdmissionError refuses."""
    manifest: dict[str, Any] = json.loads(json.dumps(dict(body)))  # kopf's views are no plain JSON, the parsers' food
    old = given.get("old")
    before = json.loads(json.dumps(dict(old))) if old is not None else None
    found = verdict(manifest, before)
    warnings += [field_error(each)[:WARNING_CHARS_MAX] for each in found.warnings[:TOLD_MAX]]
    if found.errors:
        meta = manifest.get("metadata") or {}
        name = str(meta.get("name") or meta.get("generateName") or "")
        logs.info("refused", kind=manifest["kind"], name=name, namespace=meta.get("namespace", ""))
        raise kopf.AdmissionError(found.message(str(manifest["kind"]), name), code=422)


def _login(access: Access) -> Callable[..., kopf.ConnectionInfo]:
    def login(**_: Any) -> kopf.ConnectionInfo:
        access.credentials.renew()
        scheme, _space, word = access.credentials.headers().get("Authorization", "").partition(" ")
        return kopf.ConnectionInfo(
            server=access.server,
            ca_data=access.ca.encode() or None,
            insecure=access.insecure,
            scheme=scheme or None,
            token=word or None,
            certificate_data=access.certificate.encode() or None,
            private_key_data=access.key.encode() or None,
        )

    return login


class _Door(kopf.WebhookServer):
    """kopf's server, which admits in silence where a URL's path names none of its handlers; here no path is asked."""

    async def __call__(self, fn: WebhookFn) -> AsyncIterator[WebhookClientConfig]:
        async def judge_by_kind(request: Any, **hints: Any) -> Any:
            return await fn(request, **{**hints, "webhook": None})

        async for config in super().__call__(judge_by_kind):
            yield config


async def serve(access: Access, options: Options, *, stop: asyncio.Event | None = None) -> None:
    """Answer the API server until a signal, or until `stop`."""
    logging.getLogger("kopf.objects").setLevel(logging.CRITICAL)  # a refusal is no failure of ours; it is told once
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # it watches nothing and needs no right but discovery
    settings.posting.enabled = False
    settings.admission.server = _Door(
        addr=options.address or None,
        port=options.port,
        certfile=options.certificate,
        pkeyfile=options.key,
        insecure=options.certificate is None,
    )
    logs.info("webhook started", port=options.port, tls=options.certificate is not None, server=access.server)
    await kopf.operator(registry=registry(access), settings=settings, clusterwide=True, standalone=True, stop_flag=stop)


def run(access: Access, options: Options) -> int:
    """Run the webhook in this process; returns its exit code."""
    logs.set_up(options.log_level)
    asyncio.run(serve(access, options))
    return 0
