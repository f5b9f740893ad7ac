"""Figures of one process and of one list of times."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.plane.plane import AuditedWrite

_OWN_COLUMN = {
    "rollouts": "status",
    "ingresses": "Ingress",
    "services": "Service",
    "replicasets": "ReplicaSet",
    "events": "events",
    "leases": "lease",
}
COLUMNS = ("status", "Ingress", "Service", "ReplicaSet", "other", "events")


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, user and system."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def children_cpu_s(pid: int) -> float:
    """Processor time of those children of a process that have ended."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[13]) + int(parts[14])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int) -> float:
    """The most memory that a process has held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` of an ordered list does not exceed; nan if it is empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def by_column(writes: Sequence[AuditedWrite]) -> dict[str, int]:
    """Writes counted by the kind they went to; the Lease's are left out, refused ones are counted too."""
    counts = Counter(_OWN_COLUMN.get(write.resource, "other") for write in writes)
    return {column: counts[column] for column in COLUMNS}
