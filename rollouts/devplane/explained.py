"""The fields of built-in kinds, for `kubectl explain`: names and types in the notation of `rollouts.kube.podfields`.

Objects are not checked against them; the kinds whose schema matters are those that a CRD declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollouts.kube.podfields import STRUCTS, read
from rollouts.kube.ref import Kind

_TABLE = """\
Pod: spec:PodSpec status:PodStatus
PodStatus: phase:str conditions:[]Condition message:str reason:str hostIP:str podIP:str startTime:time
    containerStatuses:[]ContainerStatus initContainerStatuses:[]ContainerStatus qosClass:str observedGeneration:int
Condition: type:str status:str reason:str message:str lastTransitionTime:time lastUpdateTime:time lastProbeTime:time
    observedGeneration:int
ContainerStatus: name:str state:ContainerState lastState:ContainerState ready:bool restartCount:int image:str
    imageID:str containerID:str started:bool
ContainerState: waiting:ContainerWaiting running:ContainerRunning terminated:ContainerTerminated
ContainerWaiting: reason:str message:str
ContainerRunning: startedAt:time
ContainerTerminated: exitCode:int signal:int reason:str message:str startedAt:time finishedAt:time containerID:str
ReplicaSet: spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetSpec: replicas:int minReadySeconds:int selector:LabelSelector template:PodTemplateSpec
ReplicaSetStatus: replicas:int fullyLabeledReplicas:int readyReplicas:int availableReplicas:int
    terminatingReplicas:int observedGeneration:int conditions:[]Condition
Deployment: spec:DeploymentSpec status:DeploymentStatus
DeploymentSpec: replicas:int selector:LabelSelector template:PodTemplateSpec strategy:DeploymentStrategy
    minReadySeconds:int revisionHistoryLimit:int paused:bool progressDeadlineSeconds:int
DeploymentStrategy: type:str rollingUpdate:RollingUpdate
RollingUpdate: maxUnavailable:intstr maxSurge:intstr
DeploymentStatus: observedGeneration:int replicas:int updatedReplicas:int readyReplicas:int availableReplicas:int
    unavailableReplicas:int collisionCount:int conditions:[]Condition
Job: spec:JobSpec status:JobStatus
JobSpec: parallelism:int completions:int activeDeadlineSeconds:int backoffLimit:int selector:LabelSelector
    manualSelector:bool template:PodTemplateSpec ttlSecondsAfterFinished:int completionMode:str suspend:bool
JobStatus: conditions:[]Condition startTime:time completionTime:time active:int succeeded:int failed:int ready:int
Service: spec:ServiceSpec status:LoadBalanced
ServiceSpec: ports:[]ServicePort selector:{}str clusterIP:str clusterIPs:[]str type:str externalIPs:[]str
    sessionAffinity:str loadBalancerClass:str externalName:str externalTrafficPolicy:str internalTrafficPolicy:str
    publishNotReadyAddresses:bool ipFamilies:[]str ipFamilyPolicy:str
ServicePort: name:str protocol:str appProtocol:str port:int targetPort:intstr nodePort:int
LoadBalanced: loadBalancer:LoadBalancer conditions:[]Condition
LoadBalancer: ingress:[]LoadBalancerIngress
LoadBalancerIngress: ip:str hostname:str
Ingress: spec:IngressSpec status:LoadBalanced
IngressSpec: ingressClassName:str defaultBackend:IngressBackend tls:[]IngressTLS rules:[]IngressRule
IngressBackend: service:IngressServiceBackend resource:TypedLocalObjectReference
IngressServiceBackend: name:str port:ServiceBackendPort
ServiceBackendPort: name:str number:int
IngressTLS: hosts:[]str secretName:str
IngressRule: host:str http:IngressRuleValue
IngressRuleValue: paths:[]IngressPath
IngressPath: path:str pathType:str backend:IngressBackend
IngressClass: spec:IngressClassSpec
IngressClassSpec: controller:str parameters:IngressClassParameters
IngressClassParameters: apiGroup:str kind:str name:str scope:str namespace:str
EndpointSlice: addressType:str endpoints:[]Endpoint ports:[]EndpointPort
Endpoint: addresses:[]str conditions:EndpointConditions hostname:str nodeName:str zone:str targetRef:ObjectReference
EndpointConditions: ready:bool serving:bool terminating:bool
EndpointPort: name:str protocol:str port:int appProtocol:str
ConfigMap: data:{}str binaryData:{}str immutable:bool
Secret: data:{}str stringData:{}str type:str immutable:bool
Namespace: spec:NamespaceSpec status:NamespaceStatus
NamespaceSpec: finalizers:[]str
NamespaceStatus: phase:str conditions:[]Condition
Node: spec:NodeSpec status:NodeStatus
NodeSpec: podCIDR:str providerID:str unschedulable:bool
NodeStatus: capacity:{}quantity allocatable:{}quantity conditions:[]Condition
Lease: spec:LeaseSpec
LeaseSpec: holderIdentity:str leaseDurationSeconds:int acquireTime:time renewTime:time leaseTransitions:int
Event: involvedObject:ObjectReference reason:str message:str type:str count:int firstTimestamp:time
    lastTimestamp:time eventTime:time source:EventSource action:str reportingComponent:str reportingInstance:str
EventSource: component:str host:str
ObjectReference: apiVersion:str kind:str namespace:str name:str uid:str resourceVersion:str fieldPath:str
"""
_FIELDS = {**STRUCTS, **read(_TABLE)}
_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "time": {"type": "string", "format": "date-time"},
}
_NAMED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "quantity": ("Quantity", {"oneOf": [{"type": "string"}, {"type": "number"}]}),
    "intstr": ("IntOrString", {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}),
}


def schemas(kind: Kind) -> dict[str, Any]:
    """The schema of a built-in kind under its name, and those of all structs below it."""
    found: dict[str, Any] = {name: dict(schema) for name, schema in _NAMED.values()}
    pending = [kind.name, "ObjectMeta"]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        fields = {field.name: field.type for field in _FIELDS.get(name, ())}
        properties = {each: _schema(type_) for each, type_ in fields.items()}
        if name == kind.name:
            head: dict[str, Any] = {
                "apiVersion": _PLAIN["str"],
                "kind": _PLAIN["str"],
                "metadata": _reference("ObjectMeta"),
            }
            properties = {**head, **properties}
        found[name] = {"type": "object", "properties": properties}
        pending += [struct for type_ in fields.values() if (struct := type_.lstrip("*[]{}")) in _FIELDS]
    return found


def _schema(type_: str) -> dict[str, Any]:
    """The schema of a type such as `*int`, `[]Container` or `{}str`. Bounded by the marks before its name."""
    if type_.startswith("*"):
        return _schema(type_[1:])
    if type_.startswith("[]"):
        return {"type": "array", "items": _schema(type_[2:])}
    if type_.startswith("{}"):
        return {"type": "object", "additionalProperties": _schema(type_[2:])}
    if type_ in _NAMED:
        return _reference(_NAMED[type_][0])
    return dict(_PLAIN[type_]) if type_ in _PLAIN else _reference(type_)


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
