"""The kinds that every API server brings along, as far as people put them into git."""

from __future__ import annotations

from rollouts.kube import kinds
from rollouts.kube.ref import Kind

# group/version, then kind:plural; in capitals after a bar: C for cluster-scoped, S for a status subresource.
_TABLE = """\
v1 LimitRange:limitranges PersistentVolume:persistentvolumes|CS PersistentVolumeClaim:persistentvolumeclaims|S
    PodTemplate:podtemplates ReplicationController:replicationcontrollers|S ResourceQuota:resourcequotas|S
    ServiceAccount:serviceaccounts Endpoints:endpoints
apps/v1 StatefulSet:statefulsets|S DaemonSet:daemonsets|S ControllerRevision:controllerrevisions
batch/v1 CronJob:cronjobs|S
autoscaling/v1 HorizontalPodAutoscaler:horizontalpodautoscalers|S
autoscaling/v2 HorizontalPodAutoscaler:horizontalpodautoscalers|S
policy/v1 PodDisruptionBudget:poddisruptionbudgets|S
networking.k8s.io/v1 NetworkPolicy:networkpolicies
rbac.authorization.k8s.io/v1 Role:roles RoleBinding:rolebindings ClusterRole:clusterroles|C
    ClusterRoleBinding:clusterrolebindings|C
storage.k8s.io/v1 StorageClass:storageclasses|C CSIDriver:csidrivers|C CSINode:csinodes|C
    VolumeAttachment:volumeattachments|CS
scheduling.k8s.io/v1 PriorityClass:priorityclasses|C
node.k8s.io/v1 RuntimeClass:runtimeclasses|C
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration:validatingwebhookconfigurations|C
    MutatingWebhookConfiguration:mutatingwebhookconfigurations|C
    ValidatingAdmissionPolicy:validatingadmissionpolicies|CS
    ValidatingAdmissionPolicyBinding:validatingadmissionpolicybindings|C
apiregistration.k8s.io/v1 APIService:apiservices|CS
certificates.k8s.io/v1 CertificateSigningRequest:certificatesigningrequests|CS
flowcontrol.apiserver.k8s.io/v1 FlowSchema:flowschemas|CS
    PriorityLevelConfiguration:prioritylevelconfigurations|CS
"""


def _kinds() -> tuple[Kind, ...]:
    found: list[Kind] = []
    group = version = ""
    for word in _TABLE.split():
        if ":" not in word:
            group, _, version = word.rpartition("/")
            continue
        names, _, marks = word.partition("|")
        name, _, plural = names.partition(":")
        found.append(Kind(group, version, name, plural, namespaced="C" not in marks, has_status="S" in marks))
    return tuple(found)


MORE: tuple[Kind, ...] = _kinds()
"""Those that no room of the house but the sync core has a use for."""

_BY_NAME = {(kind.api_version, kind.name): kind for kind in (*MORE, *kinds.ALL)}


def find(api_version: str, name: str) -> Kind | None:
    """The kind with that apiVersion and name, ours included; None for a custom or an unknown one."""
    return _BY_NAME.get((api_version, name))
