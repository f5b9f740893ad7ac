"""The metric providers of `metrics[].provider`, one model each."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from rollouts.api.common import Duration, Flag, Int64, IntOrString, Model, Object, Text


class Header(Model):
    """A request header."""

    key: Text = Field(description="Name of the header.")
    value: Text = Field("", description="Its value; may hold {{args.x}}.")


class Sigv4(Model):
    """Signing of requests for AWS."""

    region: Text = Field("", description="AWS region.")
    profile: Text = Field("", description="Name of the credential profile.")
    role_arn: Text = Field("", description="Role to assume.")


class OAuth2(Model):
    """Client credentials grant."""

    token_url: Text = Field("", description="Where tokens are issued.")
    client_id: Text = Field("", description="Client id.")
    client_secret: Text = Field("", description="Client secret; take it from an argument that a Secret fills.")
    scopes: tuple[Text, ...] = Field((), description="Scopes to ask for.")


class BasicAuth(Model):
    """User name and password."""

    username: Text = Field("", description="User name.")
    password: Text = Field("", description="Password; take it from an argument that a Secret fills.")


class Authentication(Model):
    """How the controller makes itself known to the provider."""

    sigv4: Sigv4 | None = Field(None, description="AWS signature.")
    oauth2: OAuth2 | None = Field(None, description="OAuth2 client credentials.")
    basic_auth: BasicAuth | None = Field(None, description="Basic authentication.")


class RangeQuery(Model):
    """A query over a span of time; the samples of all series are judged as one list."""

    start: Text = Field("", description="Expression that gives the first moment.")
    end: Text = Field("", description="Expression that gives the last moment.")
    step: Duration = Field("", description="Distance between two samples.")


class Prometheus(Model):
    """A PromQL query."""

    address: Text = Field("", description="Address of the server; the controller's default if empty.")
    query: Text = Field("", description="The PromQL query.")
    authentication: Authentication | None = Field(None, description="How to log in.")
    timeout: Int64 | None = Field(None, description="Seconds to wait for an answer (30).")
    insecure: Flag = Field(False, description="Whether the server's certificate goes unchecked.")
    headers: tuple[Header, ...] = Field((), description="Request headers.")
    range_query: RangeQuery | None = Field(None, description="Ask for a span of time instead of a moment.")


class Comparison(Model):
    """Canary against stable: raw counters of both sides, with an error guarantee at any number of looks."""

    address: Text = Field("", description="Address of the server; the controller's default if empty.")
    authentication: Authentication | None = Field(None, description="How to log in.")
    headers: tuple[Header, ...] = Field((), description="Request headers.")
    timeout: Int64 | None = Field(None, description="Seconds to wait for an answer (30).")
    insecure: Flag = Field(False, description="Whether the server's certificate goes unchecked.")
    kind: Text = Field("", description="errors, latency, gauge, ratio or burn (errors).")
    method: Text = Field("", description="evidence, or kayenta for its Mann-Whitney judge (evidence).")
    canary: Text = Field("", description="Selector of the canary's raw series.")
    stable: Text = Field("", description="Selector of stable's raw series.")
    bad: Text = Field("", description='Label matchers of the series that count bad requests, such as code=~"5..".')
    canary_bad: Text = Field("", description="Selector of the canary's bad requests where they are counted apart.")
    stable_bad: Text = Field("", description="Selector of stable's bad requests where they are counted apart.")
    pod_label: Text = Field("", description="Label that tells pods apart (pod).")
    stratum_label: Text = Field("", description="Label, such as the route, within which the sides are compared.")
    alpha: Any = Field(None, description="False aborts a run, at most (0.01).")
    beta: Any = Field(None, description="False certificates, at most (0.05).")
    tolerated: Any = Field(None, description="What is still fine: a relative risk (1.05), or a gauge's excess.")
    worse_than: Any = Field(None, description="The relative risk that a certificate rules out (1.5).")
    warm_up: Duration = Field("", description="How long a pod's first requests are no evidence.")
    min_requests: Any = Field(None, description="Requests of the canary before it may be promoted.")
    min_time: Duration = Field("", description="Time before it may be promoted.")
    max_time: Duration = Field("", description="Time after which atDeadline applies.")
    at_deadline: Text = Field("", description="What no verdict means at maxTime: wait, promote or abort (wait).")
    absent: Text = Field("", description="What missing data means: inconclusive, fail or pass (inconclusive).")
    absent_looks: Any = Field(None, description="Looks without data before absent applies (3).")
    importance: Any = Field(None, description="Its share of alpha beside the run's other comparing metrics (1).")
    history: Duration = Field("", description="How far back stable pods are looked at to choose the null (10m).")
    lag: Duration = Field("", description="How long a sample may take to arrive (5s).")
    lookback: Duration = Field("", description="How far before the last look samples are read (5m).")
    gate: Any = Field(None, description="Latency: the bucket bound that a certificate holds at.")
    low: Any = Field(None, description="Gauge: the least value it can have.")
    high: Any = Field(None, description="Gauge: the greatest value it can have.")
    margin: Any = Field(None, description="Gauge: the excess that a certificate rules out.")
    bound: Any = Field(None, description="Gauge: a fixed bound in place of stable.")
    weight: Any = Field(None, description="Ratio: the canary's share of requests, in percent.")
    slo: Any = Field(None, description="Burn: the fraction of good requests that is promised, such as 0.999.")


class Web(Model):
    """A value from any HTTP endpoint that answers JSON."""

    method: Text = Field("", description="GET, POST or PUT (GET).")
    url: Text = Field("", description="What to call.")
    headers: tuple[Header, ...] = Field((), description="Request headers.")
    body: Text = Field("", description="Request body as text.")
    json_body: Any = Field(None, description="Request body as JSON.")
    timeout_seconds: Int64 = Field(0, description="Seconds to wait for an answer (10).")
    json_path: Text = Field("", description="Where the value is in the answer ({$}).")
    insecure: Flag = Field(False, description="Whether the server's certificate goes unchecked.")
    authentication: Authentication | None = Field(None, description="How to log in.")


class Job(Model):
    """A Kubernetes Job whose end is the verdict."""

    metadata: Object | None = Field(None, description="Labels and annotations for the Job.")
    spec: Object | None = Field(None, description="Spec of the Job (batch/v1).")


class SecretName(Model):
    """A Secret by name."""

    name: Text = Field("", description="Name of the Secret.")
    namespaced: Flag = Field(False, description="Whether it lies beside the run, not beside the controller.")


class Datadog(Model):
    """A Datadog query."""

    api_version: Text = Field("", description="v1 or v2 (v1).")
    interval: Duration = Field("", description="Span of time to look back (5m).")
    query: Text = Field("", description="The query.")
    queries: dict[Text, Text] = Field({}, description="Queries by name, for a formula (v2).")
    formula: Text = Field("", description="Formula over the queries (v2).")
    aggregator: Text = Field("", description="How a series becomes one number (v2).")
    secret_ref: SecretName | None = Field(None, description="Secret with address and keys.")
    request_timeout: Duration = Field("", description="How long to wait for an answer (10s).")


class Wavefront(Model):
    """A Wavefront query."""

    address: Text = Field("", description="Address of the server.")
    query: Text = Field("", description="The query.")


class NewRelic(Model):
    """A New Relic query."""

    profile: Text = Field("", description="Secret with the account.")
    query: Text = Field("", description="The NRQL query.")
    timeout: Int64 | None = Field(None, description="Seconds to wait for an answer.")


class Graphite(Model):
    """A Graphite query."""

    address: Text = Field("", description="Address of the server.")
    query: Text = Field("", description="The target to render.")


class Influxdb(Model):
    """A Flux query."""

    profile: Text = Field("", description="Secret with the account.")
    query: Text = Field("", description="The Flux query.")


class SkyWalking(Model):
    """A SkyWalking query."""

    address: Text = Field("", description="Address of the server.")
    query: Text = Field("", description="The GraphQL query.")
    interval: Duration = Field("", description="Span of time to look back.")


class CloudWatchDimension(Model):
    """A dimension of a CloudWatch metric."""

    name: Text = Field("", description="Name of the dimension.")
    value: Text = Field("", description="Its value.")


class CloudWatchMetric(Model):
    """A CloudWatch metric by name."""

    namespace: Text | None = Field(None, description="Namespace of the metric.")
    metric_name: Text = Field("", description="Name of the metric.")
    dimensions: tuple[CloudWatchDimension, ...] = Field((), description="Dimensions of the metric.")


class CloudWatchStat(Model):
    """A statistic over a CloudWatch metric."""

    metric: CloudWatchMetric | None = Field(None, description="The metric.")
    period: IntOrString | None = Field(None, description="Seconds of one data point.")
    stat: Text = Field("", description="The statistic, such as Average or p99.")
    unit: Text = Field("", description="Unit of the metric.")


class CloudWatchQuery(Model):
    """One query of a CloudWatch request."""

    id: Text = Field("", description="Name by which expressions refer to it.")
    expression: Text | None = Field(None, description="Expression over other queries.")
    label: Text | None = Field(None, description="Label of the result.")
    metric_stat: CloudWatchStat | None = Field(None, description="Statistic over a metric.")
    period: IntOrString | None = Field(None, description="Seconds of one data point.")
    return_data: Flag | None = Field(None, description="Whether the result is returned.")


class CloudWatch(Model):
    """A CloudWatch request."""

    interval: Duration = Field("", description="Span of time to look back (5m).")
    metric_data_queries: tuple[CloudWatchQuery, ...] = Field((), description="The queries.")


class KayentaThreshold(Model):
    """Scores between which Kayenta is undecided."""

    pass_: Int64 = Field(0, alias="pass", description="Score from which the verdict is Successful.")
    marginal: Int64 = Field(0, description="Score from which the verdict is Inconclusive.")


class KayentaScopeDetail(Model):
    """One side of a Kayenta comparison."""

    scope: Text = Field("", description="Scope of the data.")
    region: Text = Field("", description="Region of the data.")
    step: Int64 = Field(0, description="Seconds between two samples.")
    start: Text = Field("", description="First moment.")
    end: Text = Field("", description="Last moment.")


class KayentaScope(Model):
    """What Kayenta compares with what."""

    name: Text = Field("", description="Name of the scope.")
    control_scope: KayentaScopeDetail | None = Field(None, description="The stable side.")
    experiment_scope: KayentaScopeDetail | None = Field(None, description="The canary side.")


class Kayenta(Model):
    """A canary analysis by Kayenta."""

    address: Text = Field("", description="Address of the server.")
    application: Text = Field("", description="Application name.")
    canary_config_name: Text = Field("", description="Name of the canary configuration.")
    metrics_account_name: Text = Field("", description="Account for metrics.")
    configuration_account_name: Text = Field("", description="Account for configuration.")
    storage_account_name: Text = Field("", description="Account for storage.")
    threshold: KayentaThreshold | None = Field(None, description="Scores that decide.")
    scopes: tuple[KayentaScope, ...] = Field((), description="What is compared with what.")
    lookback: Flag = Field(False, description="Whether the span grows from its start.")


class Provider(Model):
    """Where a measurement comes from. Give exactly one."""

    prometheus: Prometheus | None = Field(None, description="Prometheus.")
    comparison: Comparison | None = Field(None, description="Canary against stable, with an error guarantee.")
    web: Web | None = Field(None, description="Any HTTP endpoint that answers JSON.")
    job: Job | None = Field(None, description="A Kubernetes Job.")
    datadog: Datadog | None = Field(None, description="Datadog.")
    cloud_watch: CloudWatch | None = Field(None, description="Amazon CloudWatch.")
    new_relic: NewRelic | None = Field(None, description="New Relic.")
    wavefront: Wavefront | None = Field(None, description="Wavefront.")
    graphite: Graphite | None = Field(None, description="Graphite.")
    influxdb: Influxdb | None = Field(None, description="InfluxDB.")
    skywalking: SkyWalking | None = Field(None, description="Apache SkyWalking.")
    kayenta: Kayenta | None = Field(None, description="Kayenta.")
    plugin: dict[Text, Any] = Field({}, description="A provider known by name, with a configuration of its own.")

    @property
    def given(self) -> tuple[str, ...]:
        """Names (as on the wire) of the providers that are given; a valid metric has exactly one."""
        return tuple(field.alias or name for name, field in type(self).model_fields.items() if getattr(self, name))
