"""`rollouts set image NAME CONTAINER=IMAGE …`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rollouts.cli.acting import Manner, write_options
from rollouts.cli.complete import NameParam, containers
from rollouts.cli.errors import ComplaintError, Exit, meant
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.kube.kinds import ROLLOUT

if TYPE_CHECKING:
    from rollouts.cli.connection import Cluster
    from rollouts.kube.ref import Manifest, Ref

TRIES_MAX = 5
TEST_FAILED = 422


@click.group(
    "set",
    cls=LazyGroup,
    table={"image": Lazy("rollouts.cli.set_image", "Change the image of containers.", "set_image")},
)
def set_group() -> None:
    """Change a Rollout."""


@kube_command(
    "image",
    examples="""
    rollouts set image web web=registry.example/web:2
    rollouts set image web '*=registry.example/web:2'      # every container
    """,
)
@click.argument("name", type=NameParam(ROLLOUT))
@click.argument("images", nargs=-1, required=True, metavar="CONTAINER=IMAGE...", shell_complete=containers())
@write_options
@click.pass_context
def set_image(ctx: click.Context, name: str, images: tuple[str, ...], dry_run: str, output: str | None) -> None:
    """Change the image of containers, which begins an update."""
    from rollouts.cli import connection as wire

    wanted: dict[str, str] = {}
    for each in images:
        container, equals, image = each.partition("=")
        if not (container and equals and image) or "=" in image:
            raise click.UsageError(f"{each!r} is not CONTAINER=IMAGE, for example web=registry.example/web:2", ctx)
        wanted[container] = image

    manner = Manner(dry_run, output)

    async def once() -> None:
        async with wire.open_cluster(connection(ctx), dry_run=dry_run == "server") as cluster:
            from rollouts.cli import read
            from rollouts.cli.holder import holder

            target = holder(await read.rollout(cluster, name))
            changed, manifest = await _change(cluster, target, wanted, writes_it=dry_run != "client")
            said = f'{target.kind.name.lower()} "{target.name}" image {"updated" if changed else "unchanged"}'
            manner.tell(target.kind, manifest, said)

    wire.run(once())


async def _change(
    cluster: Cluster, ref: Ref, wanted: dict[str, str], *, writes_it: bool = True
) -> tuple[bool, Manifest]:
    """Patch the images, reading again where somebody moved the containers meanwhile.

    Returns whether there was anything to change, and the object as it is then.
    """
    from rollouts.cli import writes

    seen: object = None
    for _ in range(TRIES_MAX):
        if (manifest := await cluster.find(ref)) is None:
            raise ComplaintError(f"{ref} not found", code=Exit.NOT_FOUND)
        change = writes.set_images(manifest, wanted)
        if change.unknown:
            known = writes.container_names(manifest)
            hint = meant(change.unknown[0], known) or f"containers: {', '.join(known)}"
            raise ComplaintError(f'unable to find container named "{change.unknown[0]}" in {ref}', fix=hint)
        if not change.operations or not writes_it:
            return bool(change.operations), manifest
        try:
            after = await cluster.patch(ref, change.operations, form="json")
        except ComplaintError as complaint:
            refused = getattr(complaint, "status", 0)
            if refused not in (409, TEST_FAILED) or (refused == TEST_FAILED and change == seen):
                raise
            seen = change
        else:
            return True, after
    raise ComplaintError(f"{ref} changed under the write {TRIES_MAX} times in a row", fix="try again")
