"""Findings of `lint` as people, programs, code scanners and workflow runs read them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from rollouts import __version__
from rollouts.cli.findings import Finding
from rollouts.view.style import clean

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SARIF_LEVELS = {"error": "error", "warning": "warning", "hint": "note"}
_GITHUB_LEVELS = {"error": "error", "warning": "warning", "hint": "notice"}


def text(findings: Sequence[Finding], files: int) -> list[str]:
    """A line for each finding, its mend below, and the sum."""
    lines = []
    for finding in findings:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        lines.append(clean(f"{place}: {finding.severity}: {_sentence(finding)} [{finding.reason}]"))
        if finding.fix:
            lines.append(clean(f"    mend: {finding.fix}"))
    return [*lines, _summary(findings, files)]


def _sentence(finding: Finding) -> str:
    return ": ".join(part for part in (finding.subject, finding.field, finding.text) if part)


def _summary(findings: Sequence[Finding], files: int) -> str:
    counts = Counter(finding.severity for finding in findings)
    parts = [f"{counts[name]} {name}{'s' if counts[name] != 1 else ''}" for name in ("error", "warning", "hint")
             if counts[name]]  # fmt: skip
    return f"{', '.join(parts) or 'nothing wrong'} in {files} file{'s' if files != 1 else ''}"


def as_json(findings: Sequence[Finding], files: int) -> list[str]:
    """A list of findings."""
    return [json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False)]


def sarif(findings: Sequence[Finding], files: int) -> list[str]:
    """A log as code scanners read it."""
    rules = [{"id": reason} for reason in dict.fromkeys(finding.reason for finding in findings)]
    driver = {"name": "rollouts lint", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(finding) for finding in findings]}
    return [json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)]


def _result(finding: Finding) -> dict[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    place = {"artifactLocation": {"uri": PurePath(finding.file).as_posix()}, "region": region}
    mend = f" Mend: {finding.fix}" if finding.fix else ""
    return {
        "ruleId": finding.reason,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": _sentence(finding) + mend},
        "locations": [{"physicalLocation": place}],
    }


def github(findings: Sequence[Finding], files: int) -> list[str]:
    """A workflow command for each finding, which the run shows beside the line."""
    return [_command(finding) for finding in findings]


def _command(finding: Finding) -> str:
    where = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.reason}
    properties = ",".join(f"{name}={_escaped(str(value), for_property=True)}" for name, value in where.items())
    mend = f"\nmend: {finding.fix}" if finding.fix else ""
    return f"::{_GITHUB_LEVELS[finding.severity]} {properties}::{_escaped(_sentence(finding) + mend)}"


def _escaped(value: str, *, for_property: bool = False) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C") if for_property else value


FORMS: Mapping[str, Callable[[Sequence[Finding], int], list[str]]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
"""Each form of `-o`."""
