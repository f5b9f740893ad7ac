"""What a measured value means: successCondition and failureCondition, the reference's verdicts case by case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from analysis import language
from analysis.errors import AnalysisError
from analysis.phase import Phase

NoData: TypeAlias = Literal["", "inconclusive", "fail", "pass"]

_NO_DATA_PHASES = {"inconclusive": Phase.INCONCLUSIVE, "fail": Phase.FAILED, "pass": Phase.SUCCESSFUL}
_EMPTY = "metric result is nil or empty: no data returned from the metric provider"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The two conditions of a metric, compiled; None where there is none.

    no_data: the verdict where nothing was measured (nil, an empty list, nothing but NaN); "" leaves it to them.
    """

    success: language.Program | None = None
    failure: language.Program | None = None
    no_data: NoData = ""


def conditions(success: str, failure: str, no_data: str = "") -> Conditions:
    """Compile a metric's conditions. Raises AnalysisError naming the one that does not compile."""
    kept: NoData = no_data if no_data in ("inconclusive", "fail", "pass") else ""  # type: ignore[assignment]  # narrowed
    return Conditions(_compiled("successCondition", success), _compiled("failureCondition", failure), kept)


def assess(result: Any, judged: Conditions, now_s: float) -> tuple[Phase, str]:
    """The phase of a measurement with this value, and a message where it could not be judged.

    now_s: what now() means in a condition, seconds since the epoch.
    """
    if judged.no_data and is_no_data(result):
        return _NO_DATA_PHASES[judged.no_data], f"no data (noData: {judged.no_data})"
    now_ns = round(now_s * 1_000_000) * 1000
    succeeds = fails = False
    try:
        if judged.success:
            succeeds = _holds("successCondition", judged.success, result, now_ns)
        if judged.failure:
            fails = _holds("failureCondition", judged.failure, result, now_ns)
    except AnalysisError as error:
        return Phase.ERROR, str(error)
    if fails:
        return Phase.FAILED, ""
    if succeeds or judged.success is None:
        return Phase.SUCCESSFUL, ""
    return (Phase.INCONCLUSIVE if judged.failure else Phase.FAILED), ""


def is_no_data(result: Any) -> bool:
    """Whether nothing was measured: nil, an empty list, or NaN alone."""
    if isinstance(result, list):
        return all(_is_nan(each) for each in result)
    return result is None or _is_nan(result)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _compiled(name: str, source: str) -> language.Program | None:
    if not source:
        return None
    try:
        return language.program(source)
    except AnalysisError as error:
        raise AnalysisError(f'{name} "{_short(source)}" does not compile: {error}') from None


def _holds(name: str, program: language.Program, result: Any, now_ns: int) -> bool:
    try:
        return program.judge(result, now_ns=now_ns)
    except AnalysisError as error:
        cause = _EMPTY if result is None or result in ([], {}, "") else str(error)
        raise AnalysisError(f'could not evaluate {name} "{_short(program.source)}": {cause}') from None


def _short(source: str) -> str:
    return source if len(source) <= 512 else source[:512] + "…"
