"""The dialects of metric sources, one file each: a question out of a metric's spec, a value out of an answer.

Read `base.py` first. Never here: I/O.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.providers import (
    cloudwatch,
    comparison,
    datadog,
    graphite,
    influxdb,
    job,
    kayenta,
    newrelic,
    plugins,
    prometheus,
    skywalking,
    wavefront,
    web,
)
from analysis.providers.base import Provider, Reading, Surroundings

__all__ = ["PROVIDERS", "Provider", "Reading", "Surroundings"]

PROVIDERS: Mapping[str, Provider] = {
    "prometheus": prometheus.PROVIDER,
    "comparison": comparison.PROVIDER,
    "web": web.PROVIDER,
    "datadog": datadog.PROVIDER,
    "newRelic": newrelic.PROVIDER,
    "graphite": graphite.PROVIDER,
    "influxdb": influxdb.PROVIDER,
    "skywalking": skywalking.PROVIDER,
    "wavefront": wavefront.PROVIDER,
    "cloudWatch": cloudwatch.PROVIDER,
    "kayenta": kayenta.PROVIDER,
    "job": job.PROVIDER,
    "plugin": plugins.PROVIDER,
}
