"""The judge: measurements in, verdict out.

    metrics = read_metrics({"metrics": [...]})
    state = record(MetricState("error-rate"), Measurement(Phase.FAILED, "[0.3]"), keep=10)
    judge(metrics, [state]).phase               # Phase.FAILED

Lives here: durations, arguments, templates and their merging, checks, the conditions language, providers, tallies,
verdicts, replays. Imports stdlib, PyYAML, numpy, orjson and google-re2; `fetch.py` and `__main__.py` alone do I/O.
Never here: rollouts, kopf, kubernetes, pods, weights. Read `model.py`, then `verdict.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.asks import PromQuery, SecretRef
    from analysis.check import Finding, check_spec
    from analysis.errors import AnalysisError
    from analysis.measuring import ask, measure
    from analysis.model import Measurement, Metric, MetricState, read_metrics
    from analysis.phase import Phase
    from analysis.tally import record
    from analysis.templates import build_run_spec, flatten
    from analysis.verdict import Verdict, judge

__all__ = [
    "AnalysisError", "Finding", "Measurement", "Metric", "MetricState", "Phase", "PromQuery", "SecretRef", "Verdict",
    "ask", "build_run_spec", "check_spec", "flatten", "judge", "measure", "read_metrics", "record",
]  # fmt: skip

# Imported on first use: whoever needs only the questions (every plan does) is not made to load the language.
_HOMES = {
    "AnalysisError": "errors", "Finding": "check", "Measurement": "model", "Metric": "model", "MetricState": "model",
    "Phase": "phase", "PromQuery": "asks", "SecretRef": "asks", "Verdict": "verdict", "ask": "measuring",
    "build_run_spec": "templates", "check_spec": "check", "flatten": "templates", "judge": "verdict",
    "measure": "measuring", "read_metrics": "model", "record": "tally",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """A public name, from the module that it lives in."""
    if name in _HOMES:
        return getattr(import_module(f"analysis.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
