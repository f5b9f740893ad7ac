"""`rollouts explain NAME`: what the controller would do now, and by which rule, decided by the very same code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rollouts.cli.complete import NO_NAME, words_for
from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.cli.frame import command as kube_command
from rollouts.cli.frame import connection, prometheus_option
from rollouts.cli.output import VALUE_FORMATS, no_color_option, output_option, show, show_value, style
from rollouts.kube.kinds import ANALYSIS_RUN, EXPERIMENT, ROLLOUT

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster, Listing, Query
    from rollouts.core.plan import Answer
    from rollouts.kit.instant import Instant
    from rollouts.kube.ref import Kind, Manifest, Ref

T = TypeVar("T")
NAMES: Mapping[str, str] = {word: kind.name for kind in (ROLLOUT, ANALYSIS_RUN, EXPERIMENT) for word in words_for(kind)}
"""How a kind may be written before the slash."""


@kube_command(
    "explain",
    examples="""
    rollouts explain web                 # the Rollout web
    rollouts explain ar/web-6b56c8cdb4-2 # an AnalysisRun
    rollouts explain web -o jsonpath='{.rule}'
    """,
)
@click.argument("name", metavar="[KIND/]NAME")
@prometheus_option
@output_option(*VALUE_FORMATS)
@no_color_option
@click.pass_context
def command(ctx: click.Context, name: str, prometheus_address: str, output: str | None, no_color: bool) -> None:
    """Print the letter that would be carried out now, and the rule behind it.

    Nothing is written. The objects are read from the API server and given to the controller's own decision; answers
    that only a running controller holds (to a PromQL query, say) are shown as the questions that it would ask.
    """
    from rollouts.cli import connection as wire
    from rollouts.shell.wiring import ROOMS, rooms
    from rollouts.view.letter import as_data, letter, owner_line

    kind_name, _, bare_name = name.rpartition("/")
    wanted = NAMES.get(kind_name.lower(), "") if kind_name else "Rollout"
    wired = {room.kind.name: room for room in rooms(tuple(ROOMS), prometheus_address=prometheus_address)}
    if not bare_name:
        raise click.UsageError(f"{NO_NAME} got {name!r}", ctx)
    if wanted not in wired:
        hint = meant(kind_name, NAMES) or f"known: {', '.join(NAMES)}"
        raise click.UsageError(f"no kind {kind_name!r}; {hint}", ctx)
    room = wired[wanted]

    with asyncio.Runner() as runner:
        opened = wire.open_cluster(connection(ctx))
        cluster = runner.run(opened.__aenter__())
        try:
            from rollouts.kube.ref import Ref

            ref = Ref(room.kind, cluster.namespace, bare_name)
            reader = LiveReader(cluster, runner.run)
            seen = room.gather(ref, reader)
            if seen is None:
                runner.run(_complain(cluster, ref))
            now = wire.now()
            plan = room.reconcile(seen, now)
            if output:
                show_value({"object": str(ref), "time": str(now), **as_data(plan)}, output)
            else:
                lines = letter(plan, now, style(no_color=no_color), reader.get)
                show([owner_line(ref, now, reader.get(ref)), *lines])
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def _complain(cluster: Cluster, ref: Ref) -> None:
    """Say that there is nothing to explain: no such object, or one that this controller leaves alone."""
    from rollouts.cli import read
    from rollouts.kube.kinds import ROLLOUT

    if ref.kind == ROLLOUT:
        await read.rollout(cluster, ref.name)
    elif await cluster.find(ref) is None:
        raise ComplaintError(f"{ref} not found", code=Exit.NOT_FOUND)
    raise ComplaintError(f"{ref} is none of this controller's concern now", fix="look at its deletion and its labels")


class LiveReader:
    """The Reader of a room over GETs and LISTs; each question is put to the server once."""

    def __init__(self, cluster: Cluster, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._cluster, self._run = cluster, run
        self._objects: dict[Ref, Manifest | None] = {}
        self._listings: dict[Query, tuple[Manifest, ...]] = {}
        self._lacking: dict[Kind, str] = {}  # kinds that the cluster does not serve, and its words

    def get(self, ref: Ref) -> Manifest | None:
        """The object, or None where it does not exist."""
        if ref not in self._objects:
            self._objects[ref] = self._run(self._cluster.find(ref))
        return self._objects[ref]

    def owned_by(self, kind: Kind, uid: str) -> tuple[Manifest, ...]:
        """Objects that this uid controls, ordered by name."""
        from rollouts.cli.connection import Query
        from rollouts.kube import object as obj

        found = self._list(Query(kind, self._cluster.namespace if kind.namespaced else ""))
        return tuple(each for each in found if obj.controller_uid(each) == uid)

    def select(self, kind: Kind, namespace: str, labels: Mapping[str, str]) -> tuple[Manifest, ...]:
        """Objects that carry all these labels, ordered by name."""
        from rollouts.cli.connection import Query
        from rollouts.kube import selector

        return self._list(Query(kind, namespace, labels=selector.text({"matchLabels": labels})))

    def answer(self, ask_id: str) -> Answer | None:
        """No answer is known here: only a running controller asks."""
        return None

    def refused(self, ref: Ref) -> str:
        """What the Rollout's conditions say about it: a running controller heard it, and this reader did not."""
        from rollouts.delivery import told_of
        from rollouts.kube.kinds import ROLLOUT

        roots = [found for place, found in self._objects.items() if place.kind == ROLLOUT and found is not None]
        return next((said for root in roots if (said := told_of(root, ref))), "")

    def recalled(self) -> Any:
        """Nothing was done before."""
        return None

    def nudged_at(self) -> Instant | None:
        """Nobody said anything."""
        return None

    def known_since(self, word: str) -> Instant | None:
        """Nothing was read before."""
        return None

    def knows(self, kind: Kind) -> bool:
        """Whether the cluster serves the kind."""
        from rollouts.cli.connection import Query

        self._list(Query(kind, self._cluster.namespace if kind.namespaced else ""))
        return kind not in self._lacking

    def complaint(self, kind: Kind) -> str:
        """What the cluster said of a kind that it does not serve."""
        return self._lacking.get(kind, "")

    def parsed(self, manifest: Manifest, parse: Callable[[Manifest], T]) -> T:
        """What `parse` makes of the manifest."""
        return parse(manifest)

    def _list(self, query: Query) -> tuple[Manifest, ...]:
        from rollouts.cli.connection import RefusedError
        from rollouts.kube import object as obj

        if query not in self._listings:
            try:
                found: Listing = self._run(self._cluster.list(query))
            except RefusedError as error:
                if error.status != 404:
                    raise
                self._lacking[query.kind] = str(error)
                return ()
            self._listings[query] = tuple(sorted(found.items, key=obj.name))
        return self._listings[query]
