"""Labels and annotations of the contract that an Experiment puts on what it makes."""

from rollouts.kube.podtemplate import HASH_LABEL

__all__ = ["CARRIES_TRAFFIC", "DEADLINE", "DESIRED_REPLICAS", "EXPERIMENT", "HASH_LABEL", "INSTANCE_ID", "TEMPLATE"]

EXPERIMENT = "experiment.argoproj.io/name"
TEMPLATE = "experiment.argoproj.io/template-name"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
DEADLINE = "scale-down-deadline"
CARRIES_TRAFFIC = "rollout.argoproj.io/carries-traffic"
INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
