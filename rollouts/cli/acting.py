"""What every command that writes has in common: whom it means, a dry run, and how its answer leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import connection
from rollouts.cli.output import output_option, show_object

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster, Query
    from rollouts.cli.writes import Decision
    from rollouts.kube.ref import Kind, Manifest, Ref

DRY_RUNS = ("none", "client", "server")
Reading: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]


def write_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--dry-run` and `-o`, for every command that writes."""
    dry_run = click.option(
        "--dry-run",
        type=click.Choice(DRY_RUNS),
        default="none",
        help="client: say what would be written; server: have the server check it, and store nothing.",
    )
    return dry_run(output_option()(function))


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`-l` and `-A`, for every command that takes several names."""
    everywhere = click.option("-A", "--all-namespaces", is_flag=True, help="With -l: in every namespace.")
    selector = click.option("-l", "--selector", default="", help="Those with these labels, instead of names.")
    return selector(everywhere(function))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a write is to be done, and its answer to be shown."""

    dry_run: str = "none"
    output: str | None = None

    def said(self, sentence: str) -> str:
        """The sentence, with the words that kubectl adds to a dry run."""
        return sentence if self.dry_run == "none" else f"{sentence} ({self.dry_run} dry run)"

    def tell(self, kind: Kind, manifest: Manifest, sentence: str) -> None:
        """The answer as it was asked for."""
        if self.output:
            show_object(kind, manifest, self.output)
        else:
            click.echo(self.said(sentence))


@dataclass(frozen=True, slots=True)
class Whom:
    """The objects that a command line means: names, or labels."""

    kind: Kind
    names: tuple[str, ...] = ()
    selector: str = ""
    all_namespaces: bool = False

    def check(self, ctx: click.Context) -> None:
        """Usage error unless there is exactly one of names and selector."""
        if bool(self.names) == bool(self.selector):
            raise click.UsageError("give either names or a selector, for example -l team=pay", ctx)
        if self.all_namespaces and not self.selector:
            raise click.UsageError("-A goes with -l: names are those of one namespace", ctx)

    async def readings(self, cluster: Cluster) -> list[Reading]:
        """A reading for each object, so that one that fails does not keep the others from being tried."""
        from rollouts.cli import read

        if self.names:
            return [partial(read.named, cluster, self.kind, name) for name in self.names]
        listing = await cluster.list(self._query(cluster))
        if not listing.items:
            raise ComplaintError(f"no {self.kind.plural} have the labels {self.selector}", code=Exit.NOT_FOUND)
        return [partial(_known, each) for each in listing.items]

    def _query(self, cluster: Cluster) -> Query:
        from rollouts.cli.connection import Query

        return Query(self.kind, "" if self.all_namespaces else cluster.namespace, labels=self.selector)


async def _known(manifest: Manifest) -> Manifest:
    return manifest


def act(ctx: click.Context, whom: Whom, manner: Manner, decide: Callable[[Manifest], Decision]) -> None:
    """One word to several objects: all are tried, and the first complaint gives the exit code."""
    from rollouts.cli import connection as wire

    whom.check(ctx)

    async def all_of_them() -> None:
        complaints: list[ComplaintError] = []
        async with wire.open_cluster(connection(ctx), dry_run=manner.dry_run == "server") as cluster:
            for reading in await whom.readings(cluster):
                try:
                    manifest = await reading()
                    decision = decide(manifest)
                    if decision.refusal:
                        raise ComplaintError(decision.refusal, fix=decision.fix)
                    await _obey(cluster, whom.kind, manner, manifest, decision)
                except ComplaintError as complaint:
                    complaints.append(complaint)
        _complain(complaints)

    wire.run(all_of_them())


def _complain(complaints: Iterable[ComplaintError]) -> None:
    first, *others = (*complaints, None)
    for each in others:
        if each is not None:
            each.show()
    if first is not None:
        raise first


async def _obey(cluster: Cluster, kind: Kind, manner: Manner, manifest: Manifest, decision: Decision) -> None:
    from rollouts.kube import object as obj

    ref = obj.ref(kind, manifest)
    if manner.dry_run == "client":
        for where, body in (("status", decision.status), ("", decision.spec)):
            if body is not None:
                click.echo(f"PATCH {ref.path}{f'/{where}' if where else ''} {_shown(body)}", err=True)
        manner.tell(kind, manifest, decision.said)
        return
    after = await carry_out(cluster, ref, decision)
    manner.tell(kind, after or manifest, decision.said)


def _shown(body: Any) -> str:
    import json

    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


async def carry_out(cluster: Cluster, ref: Ref, decision: Decision) -> Manifest | None:
    """Write the status first, to its subresource; where the server has no such subresource, all to the object.

    Returns the object as it is then, None where there was nothing to write.
    """
    spec, after = decision.spec, None
    if decision.status is not None:
        try:
            after = await cluster.patch(ref, decision.status, subresource="status")
        except ComplaintError as complaint:
            if complaint.code != Exit.NOT_FOUND:
                raise
            spec = {**(decision.spec or {}), **decision.status}
    if spec is not None:
        after = await cluster.patch(ref, spec)
    return after
