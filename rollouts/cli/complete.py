"""What completes a word: live names, containers, revisions, namespaces; and the answer that kubectl asks plugins for.

A completion never complains and never holds a shell up: where the cluster does not answer at once, there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from rollouts.cli.frame import connection

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Kind

ANSWER_S_MAX = 1.0
SHOWN_MAX = 500
NO_FILES, FILES, FOLDERS = ":4", ":0", ":16"  # to kubectl: what is an answer beside what stands above

NO_NAME = "the name is empty; is the variable set that it was to come from?"
SHORT_NAMES = {"Rollout": "ro", "Experiment": "exp", "AnalysisRun": "ar"}

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


def words_for(kind: Kind) -> tuple[str, ...]:
    """How a kind may be written in front of a name: in full, as several, in short."""
    return kind.name.lower(), kind.plural, SHORT_NAMES.get(kind.name, kind.plural)


class NameParam(click.ParamType[str]):
    """The name of an object of a kind: `web`, or as `-o name` and kubectl write it, `rollout.argoproj.io/web`."""

    name = "name"

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        groups = ("", f".{kind.group}", f".{kind.version}.{kind.group}")
        self._prefixes = {f"{word}{group}" for word in words_for(kind) for group in groups}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The bare name; usage error for none at all, and for the name of another kind."""
        prefix, slash, bare = str(value).rpartition("/")
        if slash and prefix.lower() not in self._prefixes:
            self.fail(f"{value!r} names no {self._kind.name}: give its name alone", param, ctx)
        if not bare:
            self.fail(f"{NO_NAME} got {value!r}", param, ctx)
        return bare

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Live names."""
        return [CompletionItem(each) for each in names_of(self._kind)(ctx, param, incomplete)]


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
    items = asked.get_completions(words[:-1], words[-1])
    for item in items:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    types = {item.type for item in items}
    click.echo(FILES if "file" in types else FOLDERS if "dir" in types else NO_FILES)
    return 0
