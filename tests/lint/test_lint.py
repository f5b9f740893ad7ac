"""`rollouts lint`: every finding with its place and its mend, and exit codes that a pipeline can use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rollouts.cli.lint import FILES_MAX, Finding, Source, command, lint

ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "web:1"}]
  strategy:
    canary:
      stableService: web-stable
      canaryService: web-canary
      trafficRouting: {nginx: {stableIngress: web}}
      steps:
      - setWeight: 20
      - analysis:
          templates: [{templateName: errors}]
          args: [{name: host, value: web}]
"""
TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: shop}
spec:
  args: [{name: host}]
  metrics:
  - name: errors
    interval: 10s
    count: 3
    noData: inconclusive
    successCondition: len(result) > 0 && result[0] < 0.1
    provider: {prometheus: {address: "http://prom:9090", query: 'errors{host="{{args.host}}"}'}}
"""
SERVICES = """\
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: web-stable, namespace: shop}, spec: {selector: {app: web}}}
- {apiVersion: v1, kind: Service, metadata: {name: web-canary, namespace: shop}, spec: {selector: {app: web}}}
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web-stable, port: {number: 80}}}}]}
"""
WHOLE = "---\n".join((ROLLOUT, TEMPLATE, SERVICES, INGRESS))


def findings(*contents: bytes | str, severity: str = "") -> list[Finding]:
    found = lint([Source(f"{index}.yaml", content) for index, content in enumerate(contents)])
    return [each for each in found if not severity or each.severity == severity]


def errors(*contents: bytes | str) -> list[tuple[int, str, str]]:
    """(line, reason, field) of each error."""
    return [(each.line, each.reason, each.field) for each in findings(*contents, severity="error")]


def test_a_whole_application_has_nothing_wrong() -> None:
    assert [each for each in findings(WHOLE) if each.severity != "hint"] == []


def test_references_are_found_across_files() -> None:
    assert errors(INGRESS, TEMPLATE, SERVICES, ROLLOUT) == []
    assert [each for each in findings(INGRESS, TEMPLATE, SERVICES, ROLLOUT) if each.severity == "warning"] == []


def test_what_is_not_among_the_files_is_a_warning() -> None:
    reasons = [each.reason for each in findings(ROLLOUT, severity="warning")]

    assert reasons == ["ServiceNotFound", "ServiceNotFound", "IngressNotFound", "TemplateNotFound"]
    assert errors(ROLLOUT) == []


def test_a_template_of_another_namespace_is_not_found() -> None:
    other = TEMPLATE.replace("namespace: shop", "namespace: else")

    assert "TemplateNotFound" in [each.reason for each in findings(ROLLOUT, other, severity="warning")]


@pytest.mark.parametrize(
    ("case", "before", "after", "line", "reason", "field"),
    [
        ("a typo", "setWeight: 20", "setWieght: 20", 16, "UnknownField",
         "spec.strategy.canary.steps[0].setWieght"),
        ("a weight out of range", "setWeight: 20", "setWeight: 120", 16, "WeightOutOfRange",
         "spec.strategy.canary.steps[0].setWeight"),
        ("a weight as text", "setWeight: 20", 'setWeight: "20"', 16, "WrongType",
         "spec.strategy.canary.steps[0].setWeight"),
        ("labels that the selector does not match", "labels: {app: web}", "labels: {app: shop}", 7,
         "SelectorMismatch", "spec.template.metadata.labels"),
        ("no strategy", "    canary:", "    x: {}\n    blueGreen: {activeService: a}\n    canary:", 10,
         "StrategiesBoth", "spec.strategy"),
        ("one Service for both", "canaryService: web-canary", "canaryService: web-stable", 12, "ServicesSame",
         "spec.strategy.canary.stableService"),
        ("no name", "metadata: {name: web,", "metadata: {", 3, "NameMissing", "metadata.name"),
        ("a name with a newline", "{name: web,", '{name: "web\\n",', 3, "NameInvalid", "metadata.name"),
        ("a name in capitals", "{name: web,", "{name: Web,", 3, "NameInvalid", "metadata.name"),
        ("another version", "argoproj.io/v1alpha1", "argoproj.io/v1", 1, "VersionUnknown", "apiVersion"),
        ("no kind", "kind: Rollout\n", "", 1, "NotAnObject", "kind"),
        ("a Secret for a Rollout's argument", "value: web}",
         "valueFrom: {secretKeyRef: {name: s, key: k}}}", 19, "UnknownField",
         "spec.strategy.canary.steps[1].analysis.args[0].valueFrom.secretKeyRef"),
        ("a Service of other pods", "kind: Service, metadata: {name: web-stable, namespace: shop}, spec: "
         "{selector: {app: web}}", "kind: Service, metadata: {name: web-stable, namespace: shop}, spec: "
         "{selector: {app: x}}", 12, "ServiceSelectorMismatch", "spec.strategy.canary.stableService"),
        ("an Ingress that leads elsewhere", "backend: {service: {name: web-stable",
         "backend: {service: {name: shop", 14, "IngressWithoutRule",
         "spec.strategy.canary.trafficRouting.nginx.stableIngress"),
        ("an argument without a value", "          args: [{name: host, value: web}]\n", "", 18, "AnalysisInvalid",
         "spec.strategy.canary.steps[1].analysis.templates"),
        ("an endless metric in a step", "    count: 3\n", "", 18, "AnalysisEndless",
         "spec.strategy.canary.steps[1].analysis.templates"),
    ],
)  # fmt: skip
def test_one_change_gives_one_error_where_it_was_made(
    case: str, before: str, after: str, line: int, reason: str, field: str
) -> None:
    assert before in WHOLE
    found = errors(WHOLE.replace(before, after, 1))

    assert (line, reason, field) in found


@pytest.mark.parametrize(
    ("case", "before", "after", "reason", "field"),
    [
        ("no metrics", TEMPLATE[TEMPLATE.index("  metrics:"):], "  metrics: []\n", "AnalysisInvalid",
         "spec.metrics"),
        ("no provider", TEMPLATE[TEMPLATE.index("    provider"):], "", "AnalysisInvalid",
         "spec.metrics[0].provider"),
        ("count without interval", "    interval: 10s\n", "", "AnalysisInvalid", "spec.metrics[0].interval"),
        ("a limit below -1", "    count: 3\n", "    count: 3\n    failureLimit: -2\n", "AnalysisInvalid",
         "spec.metrics[0].failureLimit"),
        ("a tag without its argument", "args.host", "args.hots", "ArgUnknown", "spec.metrics"),
        ("an argument twice", "[{name: host}]", "[{name: host}, {name: host}]", "ArgDuplicate",
         "spec.args[1].name"),
        ("a template that nests itself", "  args:", "  templates: [{templateName: errors}]\n  args:",
         "TemplateCycle", "spec.templates"),
        ("a thousand metrics", TEMPLATE[TEMPLATE.index("  - name"):], "".join(
            f"  - {{name: m{n}, provider: {{prometheus: {{query: up}}}}}}\n" for n in range(1000)), "TooMany",
         "spec.metrics"),
        ("a provider of no name", "prometheus: {address", "promotheus: {address", "UnknownField",
         "spec.metrics[0].provider.promotheus"),
    ],
)  # fmt: skip
def test_a_template_is_judged_by_itself(case: str, before: str, after: str, reason: str, field: str) -> None:
    assert before in TEMPLATE

    assert (reason, field) in [(each[1], each[2]) for each in errors(TEMPLATE.replace(before, after, 1))]


def test_an_argument_that_no_metric_uses_is_a_warning() -> None:
    found = findings(TEMPLATE.replace("[{name: host}]", "[{name: host}, {name: spare}]"), severity="warning")

    assert [(each.reason, each.field) for each in found] == [("ArgUnused", "spec.args[1].name")]


def test_a_run_without_a_value_for_its_argument_is_wrong() -> None:
    run = TEMPLATE.replace("AnalysisTemplate", "AnalysisRun")

    assert ("ArgMissing", "spec.args[0]") in [(each[1], each[2]) for each in errors(run)]


def test_two_rollouts_on_one_service_are_told_of_each_other() -> None:
    other = ROLLOUT.replace("name: web, namespace", "name: shop, namespace")
    found = [each for each in findings(WHOLE, other, severity="error") if each.reason == "ServiceTaken"]

    assert {(each.subject, each.fix.split()[1]) for each in found} == {("Rollout/web", "shop"), ("Rollout/shop", "web")}


def test_every_error_of_a_file_is_told_not_only_the_first() -> None:
    content = ROLLOUT.replace("setWeight: 20", "setWeight: 120\n        pasue: {}").replace("image:", "imgae:")

    assert sorted(each[1] for each in errors(content)) == ["PodInvalid", "UnknownField", "WeightOutOfRange"]


def test_one_unreadable_file_does_not_hide_the_others() -> None:
    found = findings("a: 1\na: 2\n", ROLLOUT.replace("setWeight: 20", "setWeight: 120"), severity="error")

    assert [(each.file, each.line, each.reason) for each in found] == [
        ("0.yaml", 2, "YamlInvalid"),
        ("1.yaml", 16, "WeightOutOfRange"),
    ]


@pytest.mark.parametrize("text", ["replicas: 3\n", "apiVersion: v2\nname: web\n"], ids=["values", "Chart.yaml"])
def test_what_is_no_object_of_kubernetes_is_a_warning_alone(text: str) -> None:
    assert [each.severity for each in findings(text)] == ["warning"]
    assert findings("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n") == []


def run(*arguments: str, given: str | bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, list(arguments), input=given, standalone_mode=False)
    return result.exit_code or result.return_value or 0, result.stdout, result.stderr


def test_the_command_reads_files_folders_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "web.yaml").write_text(ROLLOUT.replace("setWeight: 20", "setWeight: 120"))
    (tmp_path / "a" / "README.md").write_text("not: [yaml")

    code, out, _ = run("-f", str(tmp_path), "-f", "-", given=TEMPLATE)

    assert code == 1
    assert f"{tmp_path}/a/web.yaml:16:9: error: Rollout/web: spec.strategy.canary.steps[0].setWeight: " in out
    assert "    mend: setWeight: 100\n" in out
    assert out.splitlines()[-1].startswith("1 error")
    assert out.splitlines()[-1].endswith("in 2 files")


def test_warnings_alone_leave_the_exit_code_at_zero() -> None:
    code, out, _ = run("-f", "-", given=ROLLOUT)

    assert code == 0
    assert out.splitlines()[-1] == "4 warnings in 1 file"


def test_json_holds_every_part_of_a_finding() -> None:
    code, out, _ = run("-f", "-", "-o", "json", given=ROLLOUT.replace("setWeight: 20", "setWeight: 120"))
    (found,) = [each for each in json.loads(out) if each["severity"] == "error"]

    assert code == 1
    assert found == {
        "file": "<stdin>",
        "line": 16,
        "column": 9,
        "subject": "Rollout/web",
        "field": "spec.strategy.canary.steps[0].setWeight",
        "reason": "WeightOutOfRange",
        "text": "SetWeight needs to be between 0 and 100 (got 120)",
        "fix": "setWeight: 100",
        "severity": "error",
    }


def test_sarif_names_rule_level_and_place() -> None:
    _, out, _ = run("-", "-o", "sarif", given=ROLLOUT.replace("setWeight: 20", "setWeight: 120"))
    (log,) = json.loads(out)["runs"]
    (found,) = [each for each in log["results"] if each["level"] == "error"]
    place = found["locations"][0]["physicalLocation"]

    assert found["ruleId"] == "WeightOutOfRange"
    assert place == {"artifactLocation": {"uri": "<stdin>"}, "region": {"startLine": 16, "startColumn": 9}}
    assert {each["ruleId"] for each in log["results"]} == {rule["id"] for rule in log["tool"]["driver"]["rules"]}


def test_github_annotations_are_one_line_each_and_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a,b.yaml"
    path.write_text(ROLLOUT.replace("setWeight: 20", "setWeight: 120"))

    code, out, _ = run(str(path), "-o", "github")
    (told,) = [line for line in out.splitlines() if line.startswith("::error ")]

    assert code == 1
    assert f"file={tmp_path}/a%2Cb.yaml,line=16,col=9,title=WeightOutOfRange::Rollout/web: " in told
    assert told.endswith("%0Amend: setWeight: 100")


def test_the_same_object_twice_is_an_error() -> None:
    assert [found for found in errors(WHOLE, ROLLOUT) if found[1] == "GivenTwice"] == [
        (3, "GivenTwice", "metadata.name")
    ]


def test_a_template_that_is_no_yaml_yet_is_to_be_rendered_first() -> None:
    (found,) = lint([Source("chart/templates/web.yaml", "metadata:\n  name: {{ .Release.Name }}\n")])

    assert found.reason == "YamlInvalid"
    assert "helm template CHART | rollouts lint -" in found.fix


def test_what_tools_keep_for_themselves_is_no_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    for name in (".venv/broken.yaml", ".broken.yaml", "good.yaml"):
        (tmp_path / name).write_text("" if name == "good.yaml" else "a: [")

    assert run("-f", str(tmp_path)) == (0, "nothing wrong in 1 file\n", "")


def test_a_file_that_is_not_there_gives_exit_code_two() -> None:
    code, out, err = run("-f", "no-such-file.yaml")

    assert (code, out) == (2, "")
    assert err == "Error: no-such-file.yaml: No such file or directory\n"


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollouts.cli.lint.FILES_MAX", 2)
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text("")

    assert run("-f", str(tmp_path)) == (2, "", "Error: more than 2 files\n")
    assert FILES_MAX == 10_000


def test_help_shows_examples_and_exit_codes() -> None:
    _, out, _ = run("--help")

    assert "rollouts lint -f rollout.yaml" in out
    assert "Exit codes: 0 nothing wrong" in " ".join(out.split())


def test_a_secret_value_in_a_manifest_is_not_printed() -> None:
    secret: Any = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"

    assert "hunter2" not in str(findings(secret))


def test_a_router_that_its_makers_gave_up_is_a_warning() -> None:
    text = ROLLOUT.replace("{nginx: {stableIngress: web}}", "{smi: {rootService: web}}")

    found = [each for each in lint([Source("web.yaml", text.encode())]) if each.reason == "RouterRetired"]

    assert [each.severity for each in found] == ["warning"]


@pytest.mark.parametrize(
    ("schedule", "duration", "reasons"),
    [
        ("0 8 * * 1-5", "9h", []),
        ("0 8-17 * * 1-5", "9h", ["WindowOverlaps"]),
        ("nonsense", "9h", ["WindowInvalid"]),
        ("0 8 * * 1-5", "0s", ["WindowInvalid"]),
    ],
)
def test_windows_that_are_open_for_longer_than_they_say_are_told(
    schedule: str, duration: str, reasons: list[str]
) -> None:
    window = f'{{kind: allow, schedule: "{schedule}", duration: {duration}, applications: ["*"]}}'
    text = f"""\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {{name: shop, namespace: argocd}}
spec:
  syncWindows:
    - {window}
"""

    assert [found.reason for found in lint([Source("project.yaml", text)])] == reasons
