"""What a commit costs in a repository of many Applications: `python -m benchmarks.monorepo --applications 2000`.

Prints wall and processor time of a first pass, of a pass after one commit to one Application, and of a pass without a
change, with the renders that each made and the memory of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

from rollouts.gitops.asks import GitResolve, Rendered, RenderManifests, Resolution
from rollouts.shell.asks.sources import GitAndCharts
from tests.gitops_render.forge import Repository, config_map

NAMES = ("a", "b", "c", "d")


def repository(where: Path, applications: int, *, kustomize: bool) -> Repository:
    """One folder of four ConfigMaps for each Application."""
    files = {f"apps/app-{app}/{name}.yaml": config_map(name) for app in range(applications) for name in NAMES}
    if kustomize:
        named = ", ".join(f"{name}.yaml" for name in NAMES)
        files |= {
            f"apps/app-{app}/kustomization.yaml": f"resources: [{named}]\nnamePrefix: x-\n"
            for app in range(applications)
        }
    made = Repository(where / "monorepo")
    made.commit(files)
    return made


async def one(sources: GitAndCharts, url: str, app: int) -> Rendered:
    """What the sync core asks for one Application."""
    found = await sources.ask(GitResolve(url, "main"), "argocd")
    assert isinstance(found, Resolution)
    source = json.dumps([{"repoURL": url, "path": f"apps/app-{app}"}])
    rendered = await sources.ask(RenderManifests(source, (found.revision,), f"app-{app}", "shop"), "argocd")
    assert isinstance(rendered, Rendered)
    return rendered


async def all_of(what: str, sources: GitAndCharts, url: str, applications: int) -> None:
    """Ask for every Application at once, and print what it cost."""
    began_s, cpu_s, misses = time.monotonic(), time.process_time(), sources.kept.misses
    await asyncio.gather(*(one(sources, url, app) for app in range(applications)))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{what}: {time.monotonic() - began_s:.2f} s, {time.process_time() - cpu_s:.2f} s of CPU, "
        f"{sources.kept.misses - misses} renders, {memory} MiB"
    )


async def measure(where: Path, applications: int, *, kustomize: bool) -> None:
    """Three passes."""
    made = repository(where, applications, kustomize=kustomize)
    sources = GitAndCharts(None, where / "state")
    await all_of("first pass", sources, made.url, applications)
    made.commit({"apps/app-1/a.yaml": config_map("a", "changed")})
    await asyncio.sleep(1.1)  # past the moment in which listings are shared
    await all_of("one commit", sources, made.url, applications)
    await asyncio.sleep(1.1)
    await all_of("no change", sources, made.url, applications)
    await sources.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--applications", type=int, default=2000)
    parser.add_argument("--kustomize", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="monorepo-") as where:
        asyncio.run(measure(Path(where), chosen.applications, kustomize=chosen.kustomize))


if __name__ == "__main__":
    main()
