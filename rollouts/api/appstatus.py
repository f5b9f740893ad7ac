"""What stands beside an Application's spec: the operation that somebody asks for, and the status."""

from __future__ import annotations

from pydantic import Field

from rollouts.api.application import Destination, IgnoreDifference, Info, Retry
from rollouts.api.common import Flag, Int64, Model, Object, Text


class SyncResource(Model):
    """One object that is to be synced alone."""

    group: Text = Field("", description="API group.")
    kind: Text = Field(description="Kind.")
    name: Text = Field(description="Name.")
    namespace: Text = Field("", description="Namespace.")
    exclude: Flag = Field(False, description="Whether all but this one are meant.")


class ApplyStrategy(Model):
    """A sync without hooks."""

    force: Flag = Field(False, description="Whether objects are deleted and made again where a change is refused.")


class SyncStrategy(Model):
    """With or without hooks."""

    apply: ApplyStrategy | None = Field(None, description="Without hooks.")
    hook: ApplyStrategy | None = Field(None, description="With hooks.")


class SyncOperation(Model):
    """One sync."""

    revision: Text = Field("", description="Revision to sync to; the spec's if empty.")
    revisions: tuple[Text, ...] = Field((), description="Revisions, one for each source.")
    prune: Flag = Field(False, description="Whether objects that left git are removed.")
    dry_run: Flag = Field(False, description="Whether nothing is really written.")
    sync_strategy: SyncStrategy | None = Field(None, description="With or without hooks.")
    resources: tuple[SyncResource, ...] = Field((), description="The objects to sync; all if empty.")
    source: Object | None = Field(None, description="The source instead of the spec's.")
    sources: tuple[Object, ...] = Field((), description="The sources instead of the spec's.")
    manifests: tuple[Text, ...] = Field((), description="Manifests instead of a source's.")
    sync_options: tuple[Text, ...] = Field((), description="Options of this sync; the spec's if empty.")
    auto_heal_attempts_count: Int64 | None = Field(None, description="How often a healing was tried.")


class InitiatedBy(Model):
    """Who asked."""

    username: Text = Field("", description="Name of the person.")
    automated: Flag = Field(False, description="Whether the controller asked.")


class Operation(Model):
    """What somebody asks for: taken up by the controller, then removed."""

    sync: SyncOperation | None = Field(None, description="A sync.")
    initiated_by: InitiatedBy | None = Field(None, description="Who asked.")
    info: tuple[Info, ...] = Field((), description="Words for people.")
    retry: Retry | None = Field(None, description="Tries after a failure; the spec's if absent.")


class ResourceStatus(Model):
    """One object of the Application."""

    group: Text = Field("", description="API group.")
    version: Text = Field("", description="API version.")
    kind: Text = Field("", description="Kind.")
    namespace: Text = Field("", description="Namespace.")
    name: Text = Field("", description="Name.")
    status: Text = Field("", description="Synced, OutOfSync or Unknown.")
    health: Object | None = Field(None, description="Its health: status, message, lastTransitionTime.")
    hook: Flag = Field(False, description="Whether it is a hook that a sync has left; it has no status of its own.")
    requires_pruning: Flag = Field(False, description="Whether it left git.")
    requires_deletion_confirmation: Flag = Field(False, description="Whether a person must confirm its removal.")
    sync_wave: Int64 | None = Field(None, description="Its wave.")
    differences: tuple[Object, ...] = Field((), description="What differs: path, git, live, manager, time.")


class ComparedTo(Model):
    """What the cluster was compared with."""

    source: Object | None = Field(None, description="The source.")
    sources: tuple[Object, ...] = Field((), description="The sources.")
    destination: Destination | None = Field(None, description="The destination.")
    ignore_differences: tuple[IgnoreDifference, ...] = Field((), description="Fields that did not count.")


class SyncStatus(Model):
    """Whether the cluster is as git says."""

    status: Text = Field("", description="Synced, OutOfSync or Unknown.")
    revision: Text = Field("", description="Commit that was compared.")
    revisions: tuple[Text, ...] = Field((), description="Commits that were compared, one for each source.")
    compared_to: ComparedTo | None = Field(None, description="What was compared.")


class HealthStatus(Model):
    """The worst health of all objects."""

    status: Text = Field("", description="Healthy, Suspended, Progressing, Missing, Degraded or Unknown.")
    message: Text = Field("", description="The objects that are not healthy.")
    last_transition_time: Text | None = Field(None, description="When the status last changed.")


class History(Model):
    """A sync that succeeded."""

    id: Int64 = Field(description="Number of the sync.")
    revision: Text = Field("", description="Commit.")
    revisions: tuple[Text, ...] = Field((), description="Commits, one for each source.")
    source: Object | None = Field(None, description="The source.")
    sources: tuple[Object, ...] = Field((), description="The sources.")
    deployed_at: Text = Field(description="When it succeeded.")
    deploy_started_at: Text | None = Field(None, description="When it began.")
    initiated_by: InitiatedBy | None = Field(None, description="Who asked.")


class AppCondition(Model):
    """Something that a person should know."""

    type: Text = Field(description="Kind of the condition, such as ComparisonError.")
    message: Text = Field(description="A sentence.")
    last_transition_time: Text | None = Field(None, description="Since when.")


class ResourceResult(Model):
    """What became of one object in a sync."""

    group: Text = Field("", description="API group.")
    version: Text = Field("", description="API version.")
    kind: Text = Field("", description="Kind.")
    namespace: Text = Field("", description="Namespace.")
    name: Text = Field("", description="Name.")
    status: Text = Field("", description="Synced, SyncFailed, Pruned or PruneSkipped.")
    message: Text = Field("", description="A sentence.")
    hook_type: Text = Field("", description="Type of the hook.")
    hook_phase: Text = Field("", description="Running, Terminating, Failed, Error or Succeeded.")
    sync_phase: Text = Field("", description="Phase of the sync.")
    images: tuple[Text, ...] = Field((), description="Images of the object.")


class SyncResult(Model):
    """What became of a sync."""

    revision: Text = Field("", description="Commit.")
    revisions: tuple[Text, ...] = Field((), description="Commits, one for each source.")
    source: Object | None = Field(None, description="The source.")
    sources: tuple[Object, ...] = Field((), description="The sources.")
    resources: tuple[ResourceResult, ...] = Field((), description="What became of each object.")
    managed_namespace_metadata: Object | None = Field(None, description="Marks of the made namespace.")


class OperationState(Model):
    """The latest operation."""

    operation: Operation = Field(description="What was asked for.")
    phase: Text = Field(description="Running, Terminating, Succeeded, Failed or Error.")
    message: Text = Field("", description="A sentence.")
    sync_result: SyncResult | None = Field(None, description="What became of it.")
    started_at: Text = Field(description="When it began.")
    finished_at: Text | None = Field(None, description="When it ended.")
    retry_count: Int64 | None = Field(None, description="Tries after the first.")


class Summary(Model):
    """What the objects are about."""

    images: tuple[Text, ...] = Field((), description="Images in use.")
    external_urls: tuple[Text, ...] = Field((), alias="externalURLs", description="Addresses to look at.")
    is_app_of_apps: Flag = Field(False, description="Whether Applications are among the objects.")


class ApplicationStatus(Model):
    """What is the case."""

    sync: SyncStatus | None = Field(None, description="Whether the cluster is as git says.")
    health: HealthStatus | None = Field(None, description="The worst health of all objects.")
    operation_state: OperationState | None = Field(None, description="The latest operation.")
    resources: tuple[ResourceStatus, ...] = Field((), description="The objects: what pruning remembers.")
    history: tuple[History, ...] = Field((), description="Syncs that succeeded.")
    conditions: tuple[AppCondition, ...] = Field((), description="What a person should know.")
    summary: Summary | None = Field(None, description="What the objects are about.")
    source_type: Text = Field("", description="Helm, Kustomize, Directory or Plugin.")
    source_types: tuple[Text, ...] = Field((), description="The same for each source.")
    reconciled_at: Text | None = Field(None, description="When git was last compared.")
    observed_at: Text | None = Field(None, description="When git was last asked.")
    resource_health_source: Text = Field("", description="Where the objects' health is kept.")
    controller_namespace: Text = Field("", description="Namespace of the controller.")
    source_hydrator: Object | None = Field(None, description="Kept for other controllers.")
