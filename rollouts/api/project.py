"""AppProject: who may bring what from where to where, and when."""

from __future__ import annotations

from pydantic import Field

from rollouts.api.application import Destination
from rollouts.api.common import Duration, Flag, Int64, Model, Text


class GroupKind(Model):
    """Kinds by glob."""

    group: Text = Field(description="API group, as a glob.")
    kind: Text = Field(description="Kind, as a glob.")
    name: Text = Field("", description="Name of the object, as a glob; any if empty.")


class JwtToken(Model):
    """A token that was issued for a role."""

    iat: Int64 = Field(description="When it was issued, in seconds since 1970.")
    exp: Int64 | None = Field(None, description="When it ends.")
    id: Text = Field("", description="Its id.")


class ProjectRole(Model):
    """Who may do what in the project."""

    name: Text = Field(description="Name of the role.")
    description: Text = Field("", description="What it is for.")
    policies: tuple[Text, ...] = Field((), description="Rights, one line each.")
    groups: tuple[Text, ...] = Field((), description="Groups that have the role.")
    jwt_tokens: tuple[JwtToken, ...] = Field((), description="Tokens that have the role.")


class OrphanIgnore(Model):
    """Objects that are no orphans."""

    group: Text = Field("", description="API group, as a glob.")
    kind: Text = Field("", description="Kind, as a glob.")
    name: Text = Field("", description="Name, as a glob.")


class OrphanedResources(Model):
    """Whether objects that belong to no Application are told."""

    warn: Flag | None = Field(None, description="Whether a condition tells of them.")
    ignore: tuple[OrphanIgnore, ...] = Field((), description="Objects that do not count.")


class SyncWindow(Model):
    """When syncs are allowed, or not."""

    kind: Text = Field("", description="allow or deny.")
    schedule: Text = Field("", description="When the window opens: five fields of cron.")
    duration: Duration = Field("", description="How long it stays open.")
    applications: tuple[Text, ...] = Field((), description="Applications that it is for, as globs.")
    namespaces: tuple[Text, ...] = Field((), description="Destination namespaces that it is for, as globs.")
    clusters: tuple[Text, ...] = Field((), description="Destination clusters that it is for, as globs.")
    manual_sync: Flag = Field(False, description="Whether people may sync all the same.")
    sync_overrun: Flag = Field(False, description="Whether a sync under way may end after the window has closed.")
    time_zone: Text = Field("", description="Time zone of the schedule, such as Europe/Berlin; UTC if empty.")
    use_and_operator: Flag = Field(
        False, alias="andOperator", description="Whether applications, namespaces and clusters must all match."
    )
    description: Text = Field("", description="Why.")


class DestinationServiceAccount(Model):
    """As whom objects are written."""

    server: Text = Field(description="Cluster, as a glob.")
    namespace: Text = Field("", description="Namespace, as a glob.")
    default_service_account: Text = Field(description="ServiceAccount to write as.")


class SignatureKey(Model):
    """A key that commits must be signed with."""

    key_id: Text = Field(alias="keyID", description="Id of the key.")


class AppProjectSpec(Model):
    """The rules of a project."""

    description: Text = Field("", description="What the project is for.")
    source_repos: tuple[Text, ...] = Field((), description="Repositories, as globs; with ! in front: not these.")
    source_namespaces: tuple[Text, ...] = Field((), description="Namespaces that Applications may live in, as globs.")
    destinations: tuple[Destination, ...] = Field((), description="Clusters and namespaces, as globs; ! for not.")
    cluster_resource_whitelist: tuple[GroupKind, ...] = Field((), description="Cluster-scoped kinds that are allowed.")
    cluster_resource_blacklist: tuple[GroupKind, ...] = Field((), description="Cluster-scoped kinds that are not.")
    namespace_resource_whitelist: tuple[GroupKind, ...] | None = Field(
        None, description="Namespaced kinds that are allowed; all if not given, none if empty."
    )
    namespace_resource_blacklist: tuple[GroupKind, ...] = Field((), description="Namespaced kinds that are not.")
    orphaned_resources: OrphanedResources | None = Field(None, description="Whether orphans are told.")
    roles: tuple[ProjectRole, ...] = Field((), description="Who may do what.")
    sync_windows: tuple[SyncWindow, ...] = Field((), description="When syncs are allowed.")
    permit_only_project_scoped_clusters: Flag = Field(False, description="Whether only the project's clusters count.")
    destination_service_accounts: tuple[DestinationServiceAccount, ...] = Field(
        (), description="As whom objects are written."
    )
    signature_keys: tuple[SignatureKey, ...] = Field((), description="Keys that commits must be signed with.")


class AppProjectStatus(Model):
    """What is the case."""
