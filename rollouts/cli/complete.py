"""What completes a word: live names, containers, revisions, namespaces; and the answer that kubectl asks plugins for.

A completion never complains and never holds a shell up: where the cluster does not answer at once, there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.frame import connection

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Kind

ANSWER_S_MAX = 1.0
SHOWN_MAX = 500
NO_FILES = ":4"  # to kubectl: what stands above is all, files are no answer

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
Look = Callable[["Cluster", click.Context], Coroutine[Any, Any, Iterable[str]]]


def names_of(kind: Kind) -> Complete:
    """Names of the objects of a kind, in the namespace that is meant."""

    async def look(cluster: Cluster, ctx: click.Context) -> Iterable[str]:
        from rollouts.cli.connection import Query
        from rollouts.kube import object as obj

        space = cluster.namespace if kind.namespaced else ""
        given = ctx.params.get("names") or ()
        return (
            obj.name(each) for each in (await cluster.list(Query(kind, space))).items if obj.name(each) not in given
        )

    return _live(look)


def revisions() -> Complete:
    """Revisions of the Rollout that stands before, the newest first."""

    async def look(cluster: Cluster, ctx: click.Context) -> Iterable[str]:
        from rollouts.cli import read
        from rollouts.view import facts

        found = await read.world(cluster, str(ctx.params.get("name")))
        numbers = {facts.revision(each) for each in facts.owned(found.replica_sets, found.rollout)}
        return (str(number) for number in sorted(numbers, reverse=True) if number)

    return _live(look)


def containers() -> Complete:
    """`container=` for each container of the Rollout that stands before."""

    async def look(cluster: Cluster, ctx: click.Context) -> Iterable[str]:
        from rollouts.cli import read, writes

        rollout = await read.rollout(cluster, str(ctx.params.get("name")))
        return (f"{name}=" for name in writes.container_names(rollout))

    return _live(look)


def namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of namespaces."""
    from rollouts.kube.kinds import NAMESPACE

    return names_of(NAMESPACE)(ctx, param, incomplete)


def _live(look: Look) -> Complete:
    """What `look` finds, as far as it begins like the word at hand."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from rollouts.cli import connection as wire

        wish = replace(connection(ctx), request_timeout_s=ANSWER_S_MAX, verbosity=0)

        async def once() -> list[str]:
            async with wire.open_cluster(wish) as cluster:
                return [str(name) for name in await look(cluster, ctx)]

        try:
            found = wire.run(once())
        except (click.ClickException, OSError):
            return []
        return [name for name in found if name.startswith(incomplete)][:SHOWN_MAX]

    return complete


def main() -> int:
    """`kubectl_complete-rollouts WORD… INCOMPLETE`: kubectl runs it to complete `kubectl rollouts …`."""
    from click.shell_completion import ShellComplete

    from rollouts.cli.main import root

    words = sys.argv[1:] or [""]
    asked = ShellComplete(root, {}, "kubectl rollouts", "_ROLLOUTS_COMPLETE")
    for item in asked.get_completions(words[:-1], words[-1]):
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(NO_FILES)
    return 0
