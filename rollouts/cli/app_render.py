"""What git says, rendered on this machine: at any revision, or from a folder that is not committed yet."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rollouts.cli.app_objects import kind_of
from rollouts.cli.errors import ComplaintError, Exit
from rollouts.core.errors import HiccupError
from rollouts.kube.kinds import APPLICATION

if TYPE_CHECKING:
    from rollouts.api.application import ApplicationSpec
    from rollouts.cli.connection import Cluster
    from rollouts.gitops.wanted import Desired
    from rollouts.kube.ref import Manifest

GIT_S_MAX = 120.0
_FOLDER = click.Path(path_type=Path)


def local_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--local` and `--local-repo-root`."""
    root = click.option(
        "--local-repo-root", type=_FOLDER, help="Folder that stands for the repository; git's work tree by default."
    )
    folder = click.option("--local", type=_FOLDER, help="Take this folder in the place of git, committed or not.")
    return folder(root(function))


def spec_of(app: Manifest) -> ApplicationSpec:
    """The spec of an Application, read as the controller reads it."""
    from rollouts.api.parse import parse_application

    parsed = parse_application(app)
    if parsed.spec is None:
        raise ComplaintError(f"the application cannot be read: {parsed.refusals[0]}")
    return parsed.spec


def at_revision(app: Manifest, revision: str) -> list[dict[str, Any]]:
    """The Application's sources, the first of them at another revision where one is named."""
    from rollouts.view.apps import Facts

    sources = [dict(each) for each in Facts(app).sources]
    if revision and sources:
        sources[0]["targetRevision"] = revision
    return sources


@contextmanager
def in_folder(app: Manifest, folder: Path, root: Path | None) -> Iterator[list[dict[str, Any]]]:
    """The Application's source as if a folder of this machine were its own, committed or not.

    root: the folder that stands for the repository, to which bases and value files may lead; the work tree of git that
    the folder is in, or else the folder itself, where nobody says.
    """
    (source, *others) = at_revision(app, "") or [{}]
    if others:
        raise ComplaintError("the application has several sources: a folder cannot stand for all of them")
    if not folder.is_dir():
        raise ComplaintError(f"{folder} is no folder", code=Exit.USAGE)
    folder = folder.resolve()
    top = (root or _work_tree(folder) or folder).resolve()
    if not folder.is_relative_to(top):
        raise ComplaintError(f"{folder} is not in {top}", fix="--local-repo-root", code=Exit.USAGE)
    with tempfile.TemporaryDirectory(prefix="rollouts-") as scratch:
        store = Path(scratch) / "local.git"
        for words in (
            ("init", "--quiet", "--template=", "--initial-branch=local"),
            ("add", "--all", "--", "."),
            ("add", "--all", "--force", "--", str(folder)),  # rendered folders are often ignored
            ("commit", "--quiet", "--allow-empty", "--message", "local"),
        ):
            _git((f"--git-dir={store}", f"--work-tree={top}", *words), top)
        bare = {name: value for name, value in source.items() if name not in ("chart", "path", "repoURL")}
        where = {"repoURL": f"file://{store}", "path": str(folder.relative_to(top)), "targetRevision": "local"}
        yield [{**bare, **where}]


@contextmanager
def chosen_sources(app: Manifest, chosen: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The sources that `--local` or `--revision` means; the Application's own where neither is given."""
    if chosen["local"]:
        with in_folder(app, chosen["local"], chosen["local_repo_root"]) as sources:
            yield sources
    else:
        yield at_revision(app, chosen["revision"])


async def rendered(cluster: Cluster, app: Manifest, sources: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The manifests that sources come to, rendered here: git and the tools must be on this machine."""
    from rollouts.gitops.asks import Rendered, RenderManifests
    from rollouts.kit.canonical import sorted_json
    from rollouts.kube import object as obj
    from rollouts.shell.asks.sources import GitAndCharts
    from rollouts.view.apps import Facts

    spec = Facts(app).spec
    question = RenderManifests(
        sorted_json(list(sources)),
        (),
        obj.name(app),
        str((spec.get("destination") or {}).get("namespace") or ""),
        str(spec.get("project") or "default"),
    )
    with tempfile.TemporaryDirectory(prefix="rollouts-") as directory:
        renderer = GitAndCharts(cluster.client, Path(directory))
        try:
            answer = await renderer.ask(question, obj.namespace(app))
        except HiccupError as error:
            raise ComplaintError(f"cannot render: {error}") from None
        finally:
            await renderer.close()
    assert isinstance(answer, Rendered)
    return list(answer.manifests)


async def desired(cluster: Cluster, app: Manifest, found: Sequence[Any]) -> Desired:
    """Manifests as the objects that a sync would bring."""
    from rollouts.gitops import tracking, wanted
    from rollouts.gitops.options import parse
    from rollouts.kube import object as obj
    from rollouts.kube.ref import Ref

    spec = spec_of(app)
    served = {(str(each.get("apiVersion")), str(each.get("kind"))) for each in found}
    kinds = {pair: await kind_of(cluster, *pair) for pair in served}
    name = tracking.instance(Ref(APPLICATION, obj.namespace(app), obj.name(app)), control_namespace(app))
    options = parse(spec.sync_policy.sync_options if spec.sync_policy else ())
    place = wanted.Place(name, spec.destination.namespace, options, lambda version, kind: kinds.get((version, kind)))
    return wanted.read(found, place)


def control_namespace(app: Manifest) -> str:
    """Where the controller of an Application lives, as it says itself; beside the Application until then."""
    from rollouts.kube import object as obj
    from rollouts.view.apps import Facts

    return str(Facts(app).status.get("controllerNamespace") or obj.namespace(app))


def _work_tree(folder: Path) -> Path | None:
    try:
        return Path(_git(("rev-parse", "--show-toplevel"), folder).strip())
    except ComplaintError:
        return None


def _git(words: Sequence[str], where: Path) -> str:
    own = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    nobody = {f"GIT_{who}_{what}": "local" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    # A folder of somebody else's is only read here, and no program of its configuration is run.
    command = ("git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", *words)
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            command,
            cwd=where,
            env={**own, **nobody, **quiet},
            capture_output=True,
            text=True,
            timeout=GIT_S_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComplaintError(f"git: {error}") from None
    if done.returncode:
        raise ComplaintError(f"git {words[-1]}: {done.stderr.strip() or 'failed'}")
    return done.stdout
