"""A Kubernetes Job whose end is the verdict. What runs it stands elsewhere: here is only what its spec must say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.asks import Question
from analysis.errors import AnalysisError
from analysis.providers.base import Provider, Reading, Surroundings

WHO = "job"


def problems(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(field, what is wrong, the mend) of a provider's spec, as far as it has no arguments."""
    template = _object(_object(_object(spec.get("spec")).get("template")).get("spec"))
    if not template.get("containers"):
        yield "spec.template.spec.containers", "a Job needs a container", "containers: [{name: …, image: …}]"
    elif template.get("restartPolicy") not in ("Never", "OnFailure"):
        yield "spec.template.spec.restartPolicy", "a Job's pods restart Never or OnFailure", "restartPolicy: Never"


def ask(spec: Mapping[str, Any], around: Surroundings) -> Question:
    """No question: a Job is an object of the cluster."""
    raise AnalysisError("a job runs in a cluster, by the controller, and not here")


def read(answer: Any, spec: Mapping[str, Any]) -> Reading:
    """Never asked for."""
    raise AnalysisError("a job gives no value")


def metadata(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """Nothing beside the results; each measurement names its Job."""
    return {}


PROVIDER = Provider(ask, read, metadata)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
