"""What one Application looks like now: what it asks for, what git and the renderers said, what is in the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rollouts.api.application import ApplicationSource, ApplicationSpec
from rollouts.api.parse import parse_application
from rollouts.core.plan import Answer
from rollouts.core.reader import Reader
from rollouts.gitops import destination, identity, inventory, options, project, tracking
from rollouts.gitops.asking import Asker, Source, source_of, wished_refresh
from rollouts.gitops.destination import Cluster
from rollouts.gitops.health.model import says
from rollouts.gitops.health.table import Check
from rollouts.gitops.judged import Judge, problems
from rollouts.gitops.keys import Key
from rollouts.gitops.operation import Applied, Running, active, status_of
from rollouts.gitops.orphans import orphans
from rollouts.gitops.project import Project
from rollouts.gitops.settings import NOTHING, SETTINGS, Settings, settings_of
from rollouts.gitops.wanted import Desired, Place, kinds_of, permitted, read
from rollouts.kit.instant import Instant
from rollouts.kube import builtin, kinds
from rollouts.kube import object as kube
from rollouts.kube.ref import Kind, Manifest, Ref

PRE_DELETE = "pre-delete-finalizer.argocd.argoproj.io"
POST_DELETE = "post-delete-finalizer.argocd.argoproj.io"
SKIP = "argocd.argoproj.io/skip-reconcile"
AUTOSCALER = builtin.find("autoscaling/v2", "HorizontalPodAutoscaler")


@dataclass(frozen=True, slots=True)
class AppSeen:
    """One Application as it stands.

    spec: None where `problem` says why it cannot be used.  shared: objects that another application, which exists,
    tracks.  nudged_at: when a forge last told of a push, which is remembered by the process alone.
    applied_at: since when every object of the sync under way is written, None while some are not.
    unknown: kinds that the cache cannot tell about, with why, or "" while they are being listed.
    hooks: those of the latest sync and of earlier ones that are still there, as far as anybody can tell.
    judged: objects of git that their controller would refuse, with why.  user: as whom objects are written, the
    controller itself if empty.  nobody: why there is none as whom they may be written.
    """

    ref: Ref
    manifest: Manifest
    app: str
    control_namespace: str
    spec: ApplicationSpec | None = None
    problem: str = ""
    project: Project | None = None
    cluster: Cluster | None = None
    running: Running | None = None
    nudged_at: Instant | None = None
    applied_at: Instant | None = None
    source: Source = field(default_factory=Source)
    desired: Desired | None = None
    place: Place | None = None
    live: Mapping[Key, Manifest] = field(default_factory=dict)
    hooks: tuple[inventory.Item, ...] = ()
    inventory: tuple[inventory.Item, ...] = ()
    unknown: Mapping[Kind, str] = field(default_factory=dict)
    autoscalers: tuple[Manifest, ...] = ()
    shared: frozenset[Key] = frozenset()
    refused: Mapping[Ref, str] = field(default_factory=dict)
    rehearsed: Answer | None = None
    orphans: tuple[Key, ...] = ()
    settings: Settings = NOTHING
    user: str = ""
    nobody: str = ""
    judged: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)

    @property
    def checks(self) -> Mapping[tuple[str, str], Check]:
        """The health rules that people have written; those that are no Lua count as if they were not there."""
        return self.settings.checks

    @property
    def uid(self) -> str:
        """Who this Application is; a namesake that came later is another."""
        return kube.uid(self.manifest)

    @property
    def status(self) -> Mapping[str, Any]:
        """The status, empty where there is none."""
        return status_of(self.manifest)

    @property
    def is_listing(self) -> bool:
        """Whether kinds are being listed that nobody has asked for before: in a moment more will be known."""
        return any(not why for why in self.unknown.values())

    @property
    def refresh(self) -> str:
        """`normal`, `hard` or "": whether somebody wants git to be looked at now."""
        return wished_refresh(self.manifest, self.nudged_at)


def gather(
    ref: Ref, reader: Reader, *, control_namespace: str = "argocd", judge: Judge | None = None
) -> AppSeen | None:
    """The Application and all that its turn rests on, or None where it is gone. judge: who knows other rooms' rules."""
    manifest = reader.get(ref)
    if manifest is None:
        return None
    app = tracking.instance(ref, control_namespace)
    bare = AppSeen(ref, manifest, app, control_namespace, nudged_at=reader.nudged_at())
    if kube.annotations(manifest).get(SKIP) == "true":
        return bare
    parsed = reader.parsed(manifest, parse_application)
    if parsed.spec is None:
        return _deletable(bare, reader, problem=str(parsed.refusals[0]))
    spec = parsed.spec
    rules, said = _project(spec, ref, control_namespace, reader)
    cluster, unreachable = destination.resolve(spec.destination)
    words = settings_of(reader, control_namespace)
    user, nobody = _writer(rules, cluster, spec.destination.namespace, words)
    problem = said or unreachable or _source_problem(spec, rules, cluster) or nobody
    base = _Base(bare, spec, rules, cluster, words, user, nobody)
    is_leaving = kube.is_deleting(manifest) and not _has_farewell(manifest)
    if problem or rules is None or cluster is None or is_leaving:
        return _deletable(bare, reader, problem=problem, base=base)
    seen = _compared(base, reader)
    return replace(seen, judged=problems(seen.desired, judge)) if judge and seen.desired else seen


def _has_farewell(manifest: Manifest) -> bool:
    """Whether hooks are to run around its deletion."""
    finalizers = manifest["metadata"].get("finalizers") or ()
    return any(str(each).startswith((PRE_DELETE, POST_DELETE)) for each in finalizers)


@dataclass(frozen=True, slots=True)
class _Base:
    """What is known before git is asked."""

    bare: AppSeen
    spec: ApplicationSpec
    project: Project | None
    cluster: Cluster | None
    settings: Settings
    user: str
    nobody: str


def _writer(rules: Project | None, cluster: Cluster | None, namespace: str, words: Settings) -> tuple[str, str]:
    """As whom objects are written, "" for the controller itself; and why nobody may write."""
    if rules is None or cluster is None:
        return "", ""
    accounts = rules.spec.destination_service_accounts
    if not words.is_heard and accounts:
        return "", f"{SETTINGS} cannot be read, so that nobody knows as whom objects are to be written"
    return identity.account(accounts, cluster, namespace) if words.impersonates else ("", "")


def _project(spec: ApplicationSpec, ref: Ref, control_namespace: str, reader: Reader) -> tuple[Project | None, str]:
    name = spec.project or project.DEFAULT
    found = reader.get(Ref(kinds.APP_PROJECT, control_namespace, name))
    rules, said = project.read(name, found)
    if rules is not None and not rules.permits_home(ref.namespace, control_namespace):
        return None, f"application '{ref.name}' in namespace '{ref.namespace}' is not allowed to use project {name}"
    return rules, said


def _source_problem(spec: ApplicationSpec, rules: Project | None, cluster: Cluster | None) -> str:
    sources = spec.sources or ((spec.source,) if spec.source else ())
    if not sources:
        return "spec.source or spec.sources is needed"
    for source in sources:
        if said := _one_source_problem(source):
            return said
        if rules is not None and (said := rules.source_problem(source)):
            return said
    if rules is not None and cluster is not None:
        return rules.destination_problem(cluster, spec.destination.namespace)
    return ""


def _one_source_problem(source: ApplicationSource) -> str:
    if not source.repo_url:
        return "spec.source.repoURL is needed"
    if source.plugin is not None:
        return "spec.source.plugin: rendering plugins are not supported; render in CI or use Kustomize, Helm or Jsonnet"
    return ""


def _deletable(bare: AppSeen, reader: Reader, *, problem: str, base: _Base | None = None) -> AppSeen:
    """An Application that is not compared: what it once applied is all that matters."""
    resolve = _resolver(reader)
    items = _remembered(bare, resolve)
    unknown: dict[Kind, str] = {}
    live: dict[Key, Manifest] = {}
    if kube.is_deleting(bare.manifest):
        live = _live(((item.key, item.kind_now) for item in items), reader, unknown)
    return AppSeen(
        bare.ref,
        bare.manifest,
        bare.app,
        bare.control_namespace,
        nudged_at=bare.nudged_at,
        spec=base.spec if base else None,
        problem=problem,
        project=base.project if base else None,
        cluster=base.cluster if base else None,
        running=active(bare.manifest, None),
        inventory=items,
        live=live,
        unknown=unknown,
        refused=_refused_at((), tuple(item for item in items if item.key in live), reader),
        user=base.user if base else "",
        nobody=base.nobody if base else "",
    )


def _remembered(bare: AppSeen, resolve: Any) -> tuple[inventory.Item, ...]:
    """What it applied, and what its syncs ran."""
    return inventory.placed(inventory.read(status_of(bare.manifest)), resolve)


def _asker(bare: AppSeen, spec: ApplicationSpec, rules: Project) -> Asker:
    keys = tuple(each.key_id for each in rules.spec.signature_keys)
    name, space = spec.project or project.DEFAULT, spec.destination.namespace
    return Asker(bare.manifest, bare.app, name, space, rules.spec.source_repos, keys, bare.nudged_at)


def _compared(base: _Base, reader: Reader) -> AppSeen:
    bare, spec = base.bare, base.spec
    assert base.project is not None and base.cluster is not None
    running, applied_at = _recalled(active(bare.manifest, spec), reader)
    begun = None if running and running.is_held else running  # one that waits to begin decides nothing yet
    source = source_of(_asker(bare, spec, base.project), begun, reader)
    resolve = _resolver(reader)
    place = Place(bare.app, spec.destination.namespace, _options(spec, begun), resolve, base.settings.label)
    desired = _desired(base, begun, source, place)
    known = _remembered(bare, resolve)
    # With its end, the hooks of its syncs go too.
    items = known if kube.is_deleting(bare.manifest) else tuple(item for item in known if not item.is_hook)
    unknown: dict[Kind, str] = {}
    wanted = [(each.key, each.kind) for each in desired.objects if each.key.name] if desired else []
    wanted = [(key, kind) for key, kind in wanted if kind is None or resolve(kind.api_version, kind.name)]
    wanted += _generated(desired, begun, place)
    live = _live([*wanted, *((item.key, item.kind_now) for item in items), *_namespace(place)], reader, unknown)
    return AppSeen(
        bare.ref,
        bare.manifest,
        bare.app,
        bare.control_namespace,
        nudged_at=bare.nudged_at,
        spec=spec,
        project=base.project,
        cluster=base.cluster,
        running=running,
        applied_at=applied_at,
        source=source,
        desired=desired,
        place=place,
        live=live,
        inventory=items,
        hooks=inventory.left_hooks(known, bare.app, reader),
        unknown=unknown,
        autoscalers=_autoscalers(desired, reader),
        shared=_shared(live, bare, reader),
        refused=_refused_at(((key, kind) for key, kind in wanted), items, reader),
        rehearsed=reader.answer(rehearsal_id(bare, running)) if running else None,
        orphans=orphans(base.project, place, live, reader),
        settings=base.settings,
        user=base.user,
    )


def _desired(base: _Base, running: Running | None, source: Source, place: Place) -> Desired | None:
    """What git, or somebody by hand, wants of the kinds that are looked after here; None while nobody knows."""
    if running is not None and running.manifests is not None:
        if base.project is not None and base.project.spec.signature_keys:
            return Desired(errors=("Cannot use local sync when signature keys are required.",))
        found = read(running.manifests, place)
    elif source.output is not None:
        found = read(source.output.manifests, place, source.output.origins)
    else:
        return None
    return permitted(found, base.settings.excludes)


def _recalled(running: Running | None, reader: Reader) -> tuple[Running | None, Instant | None]:
    """The sync under way with what this process did of it and has not told yet."""
    applied = reader.recalled()
    if running is None or not isinstance(applied, Applied) or applied.sync_id != running.sync_id:
        return running, None
    return running.with_rows(applied.rows), reader.known_since(f"applied {applied.sync_id}")


def _options(spec: ApplicationSpec, running: Running | None) -> options.Options:
    words = running.sync_options if running else spec.sync_policy.sync_options if spec.sync_policy else ()
    return options.parse(words)


def rehearsal_id(bare: AppSeen, running: Running) -> str:
    """The name of the dry run of one attempt."""
    return f"{kube.uid(bare.manifest)}/dry/{running.sync_id}"


# The cluster.


def _resolver(reader: Reader) -> Any:
    """Kinds by name: those that every server has, then those that are defined here."""
    defined: dict[tuple[str, str], Kind] = {}
    is_read = False

    def resolve(api_version: str, name: str) -> Kind | None:
        nonlocal is_read
        if kind := builtin.find(api_version, name):
            return kind
        if not is_read:
            is_read = True
            served = (each for each in reader.select(kinds.CRD, "", {}) if says(each, "Established"))
            for definition in served:
                defined.update({(kind.api_version, kind.name): kind for kind in kinds_of(definition)})
        return defined.get((api_version, name))

    return resolve


def _live(wanted: Iterable[tuple[Key, Kind | None]], reader: Reader, unknown: dict[Kind, str]) -> dict[Key, Manifest]:
    found: dict[Key, Manifest] = {}
    known: dict[Kind, bool] = {}
    for key, kind in wanted:
        if kind is None:
            continue
        if kind not in known:
            known[kind] = reader.knows(kind)
            if not known[kind]:
                unknown[kind] = reader.complaint(kind)
        if known[kind] and (live := reader.get(Ref(kind, key.namespace, key.name))) is not None:
            found[key] = live
    return found


def _namespace(place: Place) -> Iterator[tuple[Key, Kind]]:
    if place.namespace and place.options.is_on("CreateNamespace"):
        yield Key("", kinds.NAMESPACE.name, "", place.namespace), kinds.NAMESPACE


def _generated(desired: Desired | None, running: Running | None, place: Place) -> list[tuple[Key, Kind | None]]:
    """The hooks of the sync under way that get their names from it."""
    if desired is None or running is None:
        return []
    return [
        (Key(each.key.group, each.key.kind, each.key.namespace, running.hook_name(each, phase)), each.kind)
        for each in desired.objects
        if each.generate_name
        for phase in each.phases
    ]


def _autoscalers(desired: Desired | None, reader: Reader) -> tuple[Manifest, ...]:
    """Everybody who decides about replicas in the namespaces where git names some; none while that is not known."""
    spaces = {
        each.key.namespace
        for each in (desired.plain if desired else ())
        if isinstance(spec := each.manifest.get("spec"), Mapping) and "replicas" in spec
    }
    if not spaces or AUTOSCALER is None or not reader.knows(AUTOSCALER):
        return ()
    return tuple(each for space in sorted(spaces) for each in reader.select(AUTOSCALER, space, {}))


def _shared(live: Mapping[Key, Manifest], bare: AppSeen, reader: Reader) -> frozenset[Key]:
    """Objects that another Application, which exists, tracks."""
    found = set()
    for key, manifest in live.items():
        owner = tracking.owner(manifest, key)
        if owner and owner != bare.app:
            namespace, _, name = owner.rpartition("_")
            if reader.get(Ref(kinds.APPLICATION, namespace or bare.control_namespace, name)) is not None:
                found.add(key)
    return frozenset(found)


def _refused_at(
    wanted: Iterable[tuple[Key, Kind | None]], items: tuple[inventory.Item, ...], reader: Reader
) -> dict[Ref, str]:
    refs = [Ref(kind, key.namespace, key.name) for key, kind in wanted if kind]
    refs += [Ref(item.kind_now, item.key.namespace, item.key.name) for item in items if item.kind_now]
    return {ref: said for ref in refs if (said := reader.refused(ref))}
