"""Application: what git says, where it belongs, and how it gets there."""

from __future__ import annotations

from pydantic import Field

from rollouts.api.common import Duration, Flag, Int64, IntOrString, Model, Object, Text, TextMap


class HelmParameter(Model):
    """One `--set` of a chart."""

    name: Text = Field("", description="Path of the value, as in --set.")
    value: Text = Field("", description="The value.")
    force_string: Flag = Field(False, description="Whether the value stays a text, as with --set-string.")


class HelmFileParameter(Model):
    """One `--set-file` of a chart."""

    name: Text = Field("", description="Path of the value.")
    path: Text = Field("", description="File whose content is the value.")


class HelmSource(Model):
    """How a chart is rendered."""

    release_name: Text = Field("", description="Name of the release; the Application's own if empty.")
    value_files: tuple[Text, ...] = Field((), description="Value files, later ones win; $ref/path for another source.")
    ignore_missing_value_files: Flag = Field(False, description="Whether value files may be absent.")
    values: Text = Field("", description="Values as YAML, above those of the files.")
    values_object: Object | None = Field(None, description="Values as an object; wins over `values`.")
    parameters: tuple[HelmParameter, ...] = Field((), description="Single values, above all others.")
    file_parameters: tuple[HelmFileParameter, ...] = Field((), description="Values read from files.")
    version: Text = Field("", description="Ignored: one version of Helm renders all charts.")
    pass_credentials: Flag = Field(False, description="Whether the repository's credentials go to other hosts.")
    skip_crds: Flag = Field(False, description="Whether the chart's crds folder is left out.")
    skip_tests: Flag = Field(False, description="Whether the chart's tests are left out.")
    skip_schema_validation: Flag = Field(False, description="Whether values are not held against the chart's schema.")
    namespace: Text = Field("", description="Namespace to render for; the destination's if empty.")
    kube_version: Text = Field("", description="Kubernetes version to render for; the cluster's if empty.")
    api_versions: tuple[Text, ...] = Field((), description="API versions to render for; the cluster's if empty.")


class KustomizeReplica(Model):
    """A number of replicas for one workload."""

    name: Text = Field(description="Name of the workload.")
    count: IntOrString = Field(description="Number of replicas.")


class KustomizeTarget(Model):
    """Which objects a patch is for."""

    group: Text = Field("", description="API group.")
    version: Text = Field("", description="API version.")
    kind: Text = Field("", description="Kind.")
    name: Text = Field("", description="Name.")
    namespace: Text = Field("", description="Namespace.")
    label_selector: Text = Field("", description="Label selector.")
    annotation_selector: Text = Field("", description="Annotation selector.")


class KustomizePatch(Model):
    """A patch of the build's output."""

    path: Text = Field("", description="File of the patch.")
    patch: Text = Field("", description="The patch itself.")
    target: KustomizeTarget | None = Field(None, description="Objects that it is for.")
    options: Object | None = Field(None, description="Kustomize's options of the patch.")


class KustomizeSource(Model):
    """What is laid over a kustomization before it is built."""

    name_prefix: Text = Field("", description="Put before every name.")
    name_suffix: Text = Field("", description="Put after every name.")
    namespace: Text = Field("", description="Namespace of every object.")
    images: tuple[Text, ...] = Field((), description="Images: name=new:tag, name:tag or name@sha256:….")
    replicas: tuple[KustomizeReplica, ...] = Field((), description="Replicas by workload.")
    common_labels: TextMap = Field({}, description="Labels of every object.")
    label_without_selector: Flag = Field(False, description="Whether labels stay out of selectors.")
    label_include_templates: Flag = Field(False, description="Whether labels go into pod templates all the same.")
    common_annotations: TextMap = Field({}, description="Annotations of every object.")
    common_annotations_envsubst: Flag = Field(False, description="Whether $NAMES in annotations are filled in.")
    force_common_labels: Flag = Field(False, description="Whether labels replace those that are there.")
    force_common_annotations: Flag = Field(False, description="Whether annotations replace those that are there.")
    patches: tuple[KustomizePatch, ...] = Field((), description="Patches of the output.")
    components: tuple[Text, ...] = Field((), description="Components to add.")
    ignore_missing_components: Flag = Field(False, description="Whether components may be absent.")
    version: Text = Field("", description="Ignored, with a warning: one version of Kustomize renders all.")
    kube_version: Text = Field("", description="Ignored: charts of a kustomization are refused.")
    api_versions: tuple[Text, ...] = Field((), description="Ignored: charts of a kustomization are refused.")


class JsonnetVar(Model):
    """A variable of a Jsonnet program."""

    name: Text = Field(description="Name.")
    value: Text = Field("", description="Value.")
    code: Flag = Field(False, description="Whether the value is Jsonnet itself.")


class JsonnetSource(Model):
    """What a Jsonnet program is given."""

    ext_vars: tuple[JsonnetVar, ...] = Field((), description="External variables.")
    tlas: tuple[JsonnetVar, ...] = Field((), description="Top-level arguments.")
    libs: tuple[Text, ...] = Field((), description="Folders that imports are looked up in.")


class DirectorySource(Model):
    """Which files of a folder count."""

    recurse: Flag = Field(False, description="Whether folders below count too.")
    include: Text = Field("", description="Glob of the files that count; several in {a,b}.")
    exclude: Text = Field("", description="Glob of the files that do not.")
    jsonnet: JsonnetSource | None = Field(None, description="What Jsonnet files are given.")


class EnvEntry(Model):
    """An environment variable."""

    name: Text = Field(description="Name.")
    value: Text = Field("", description="Value.")


class PluginParameter(Model):
    """A parameter of a plugin: a text, a list or a map."""

    name: Text = Field("", description="Name.")
    string: Text | None = Field(None, description="The value as a text.")
    array: tuple[Text, ...] = Field((), description="The value as a list.")
    map: TextMap = Field({}, description="The value as a map.")


class PluginSource(Model):
    """A rendering plugin and what it is given."""

    name: Text = Field("", description="Name of the plugin.")
    env: tuple[EnvEntry, ...] = Field((), description="Environment variables.")
    parameters: tuple[PluginParameter, ...] = Field((), description="Parameters.")


class ApplicationSource(Model):
    """One place that manifests come from."""

    repo_url: Text = Field(alias="repoURL", description="Address of the git or Helm repository.")
    path: Text = Field("", description="Folder in the repository.")
    target_revision: Text = Field("", description="Branch, tag, commit or range of versions; HEAD or newest if empty.")
    chart: Text = Field("", description="Name of the chart in a Helm repository.")
    ref: Text = Field("", description="Name under which other sources use this one's files, as $name/path.")
    name: Text = Field("", description="Name of the source.")
    tag_prefix: Text = Field("", description="Only tags that begin so are looked at for a range of versions.")
    helm: HelmSource | None = Field(None, description="How a chart is rendered.")
    kustomize: KustomizeSource | None = Field(None, description="What is laid over a kustomization.")
    directory: DirectorySource | None = Field(None, description="Which files of a folder count.")
    plugin: PluginSource | None = Field(None, description="A rendering plugin.")


class Destination(Model):
    """The cluster and namespace that objects go to."""

    server: Text = Field("", description="Address of the cluster; https://kubernetes.default.svc is this one.")
    name: Text = Field("", description="Name of the cluster, instead of its address; in-cluster is this one.")
    namespace: Text = Field("", description="Namespace of objects that name none.")


class Automated(Model):
    """When to sync without being asked."""

    enabled: Flag | None = Field(None, description="Whether this holds (true).")
    prune: Flag = Field(False, description="Whether objects that left git are removed.")
    self_heal: Flag = Field(False, description="Whether changes made in the cluster are undone.")
    allow_empty: Flag = Field(False, description="Whether a render without any object may remove everything.")


class Backoff(Model):
    """How long to wait before another try."""

    duration: Duration = Field("", description="First wait (5s).")
    factor: Int64 | None = Field(None, description="Factor between one wait and the next (2).")
    max_duration: Duration = Field("", description="Longest wait (3m).")


class Retry(Model):
    """How often a failed sync is tried again."""

    limit: Int64 | None = Field(None, description="Tries after the first; below 0: without end.")
    backoff: Backoff | None = Field(None, description="The waits between tries.")
    refresh: Flag = Field(False, description="Whether a retry takes the newest commit.")


class NamespaceMetadata(Model):
    """What is put on the namespace that CreateNamespace=true makes."""

    labels: TextMap = Field({}, description="Labels.")
    annotations: TextMap = Field({}, description="Annotations.")


class SyncPolicy(Model):
    """When and how objects are synced."""

    automated: Automated | None = Field(None, description="Sync without being asked.")
    sync_options: tuple[Text, ...] = Field((), description="Options of every sync, such as CreateNamespace=true.")
    retry: Retry | None = Field(None, description="Tries after a failure.")
    managed_namespace_metadata: NamespaceMetadata | None = Field(None, description="Marks of the made namespace.")


class IgnoreDifference(Model):
    """Fields whose differences do not count."""

    group: Text = Field("", description="API group of the objects; * for any.")
    kind: Text = Field(description="Kind of the objects; * for any.")
    name: Text = Field("", description="Name of the object; any if empty.")
    namespace: Text = Field("", description="Namespace of the object; any if empty.")
    json_pointers: tuple[Text, ...] = Field((), description="Fields as JSON pointers.")
    jq_path_expressions: tuple[Text, ...] = Field((), description="Fields as jq paths.")
    managed_fields_managers: tuple[Text, ...] = Field((), description="Fields that these managers own.")


class Info(Model):
    """A word for people."""

    name: Text = Field(description="Name.")
    value: Text = Field(description="Value.")


class ApplicationSpec(Model):
    """What is to be in the cluster, and by which rules."""

    project: Text = Field("", description="AppProject whose rules hold; default if empty.")
    source: ApplicationSource | None = Field(None, description="Where manifests come from.")
    sources: tuple[ApplicationSource, ...] = Field((), description="Several places, instead of `source`.")
    destination: Destination = Field(description="Where objects go.")
    sync_policy: SyncPolicy | None = Field(None, description="When and how objects are synced.")
    ignore_differences: tuple[IgnoreDifference, ...] = Field((), description="Fields whose differences do not count.")
    info: tuple[Info, ...] = Field((), description="Words for people.")
    revision_history_limit: Int64 | None = Field(None, description="Syncs that are remembered (10).")
