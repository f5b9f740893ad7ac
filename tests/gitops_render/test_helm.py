"""Charts in git, from a Helm repository and from an OCI registry, by the real program."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import RenderManifests
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.settings import DEFAULTS

pytestmark = pytest.mark.usefixtures("helm")

TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data: {{ toYaml .Values.words | nindent 2 }}
"""


def chart(name: str = "web", more: str = "") -> str:
    return f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n{more}"


@pytest.fixture
def charted(shop):
    shop.commit(
        {
            "chart/Chart.yaml": chart(),
            "chart/values.yaml": "words: {a: chart, b: chart, c: chart, d: chart, e: chart}\n",
            "chart/templates/words.yaml": TEMPLATE,
            "chart/crds/thing.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.shop.test}\n",
            "env/prod.yaml": "words: {b: file, c: file, d: file, e: file}\n",
            "env/e.txt": "from a file",
        }
    )
    return shop


def words(rendered):
    return next(each["data"] for each in rendered.manifests if each["kind"] == "ConfigMap")


async def test_values_win_in_the_order_of_the_contract(charted, render):
    options = {
        "valueFiles": ["../env/prod.yaml"],
        "valuesObject": {"words": {"c": "object", "d": "object", "e": "object"}},
        "fileParameters": [{"name": "words.e", "path": "/env/e.txt"}],
        "parameters": [{"name": "words.d", "value": "a,b", "forceString": True}],
        "releaseName": "shop",
    }

    rendered = await render("chart", helm=options)

    assert words(rendered) == {"a": "chart", "b": "file", "c": "object", "d": "a,b", "e": "from a file"}
    assert {each["kind"] for each in rendered.manifests} == {"ConfigMap", "CustomResourceDefinition"}
    assert rendered.source_types == ("Helm",)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("a,b", "a,b"),
        ("a\\,b", "a,b"),
        ("{a,b}", ["a", "b"]),
        ("{a\\,b,c}", ["a,b", "c"]),
        ("$ARGOCD_APP_NAME-$x", "web-$x"),
        ("", ""),
    ],
)
async def test_a_parameter_is_one_value_but_for_a_list_in_braces(charted, render, value, becomes):
    rendered = await render("chart", helm={"parameters": [{"name": "words.e", "value": value}]})

    assert words(rendered)["e"] == becomes


async def test_an_application_of_another_namespace_gives_its_release_its_own_name(charted, answering):
    charted.commit(
        {
            "chart/templates/words.yaml": TEMPLATE.replace(
                "{{ toYaml .Values.words | nindent 2 }}", '{a: "{{ .Release.Name }}"}'
            )
        }
    )
    source = {"repoURL": charted.url, "path": "chart"}

    rendered = await answering.ask(RenderManifests(json.dumps([source]), (), "team-a_web", "shop"), "argocd")

    assert words(rendered) == {"a": "web"}


async def test_value_files_may_come_from_another_source(charted, answering):
    values = {"repoURL": charted.url, "targetRevision": "main", "ref": "values"}
    source = {
        "repoURL": charted.url,
        "path": "chart",
        "helm": {"valueFiles": ["$values/env/prod.yaml"], "skipCrds": True},
    }

    rendered = await answering.ask(RenderManifests(json.dumps([source, values]), (), "web", "shop"), "argocd")

    assert words(rendered)["b"] == "file"
    assert rendered.source_types == ("Helm", "")


async def test_a_file_parameter_may_come_from_another_source(charted, answering):
    values = {"repoURL": charted.url, "targetRevision": "main", "ref": "values"}
    parameter = {"name": "words.e", "path": "$values/env/e.txt"}
    source = {"repoURL": charted.url, "path": "chart", "helm": {"fileParameters": [parameter]}}

    rendered = await answering.ask(RenderManifests(json.dumps([source, values]), (), "web", "shop"), "argocd")

    assert words(rendered)["e"] == "from a file"


@pytest.mark.parametrize(
    ("pattern", "won"),
    [
        ("../env/*.yaml", "file"),
        ("../env/**/*.yaml", "team"),
        ("/env/{prod,staging}.yaml", "file"),
        ("/**/te?m/b.yaml", "team"),
    ],
)
async def test_a_pattern_of_value_files_stays_in_its_folder_but_for_two_stars(charted, render, pattern, won):
    charted.commit({"env/team/b.yaml": "words: {b: team}\n"})

    rendered = await render("chart", helm={"valueFiles": [pattern]})

    assert words(rendered)["b"] == won


async def test_a_chart_of_the_same_repository_is_a_dependency_without_a_download(charted, render):
    more = "dependencies: [{name: lib, version: '*', repository: 'file://../lib'}]\n"
    charted.commit(
        {
            "chart/Chart.yaml": chart(more=more),
            "lib/Chart.yaml": chart("lib"),
            "lib/templates/x.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: lib}\n",
        }
    )

    rendered = await render("chart")

    assert "Service" in {each["kind"] for each in rendered.manifests}


async def test_a_commit_beside_the_chart_renders_nothing(charted, render, answering):
    await render("chart", helm={"valueFiles": ["../env/prod.yaml"]})
    charted.commit({"env/staging.yaml": "words: {}\n"})

    await render("chart", revision=charted.git("rev-parse", "HEAD"), helm={"valueFiles": ["../env/prod.yaml"]})

    assert answering.kept.misses == 1


@pytest.mark.parametrize(
    "file",
    [
        "../../etc/passwd",
        "/../etc/passwd",
        "..%2f..%2fetc/passwd",
        "file:///etc/passwd",
        "https://x.test/v.yaml",
        "..\\..\\etc\\passwd",
        "$gone/v.yaml",
        "../.git/config",
        "missing.yaml",
        "secrets://x.yaml",
        "../link.yaml",
    ],
)
async def test_a_value_file_stays_inside_the_repository(charted, refused, file):
    charted.commit({}, links={"link.yaml": "/etc/passwd"})

    said = await refused("chart", helm={"valueFiles": [file]})

    assert "root:" not in said


async def test_a_comma_leads_to_no_other_file(charted, render, refused, tmp_path):
    """Helm reads lists of files, so a name could hold that of another one, on this machine."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("words: {b: mine}\n")
    charted.commit({f"env/a,{mine}": "words: {b: file}\n", "env/a": "words: {b: a}\n", f"env/b,words.b={mine}": "text"})

    by_values = await render("chart", helm={"valueFiles": [f"../env/a,{mine}"]})
    by_path = await render("chart", helm={"fileParameters": [{"name": "words.e", "path": f"../env/b,words.b={mine}"}]})
    by_name = await refused("chart", helm={"fileParameters": [{"name": f"words.b={mine},x", "path": "../env/e.txt"}]})

    assert words(by_values)["b"] == "file"
    assert (words(by_path)["b"], words(by_path)["e"]) == ("chart", "text")
    assert "is no name of a value" in by_name


@pytest.mark.parametrize("name", ["a,b.yaml", 'a"b".yaml', '"a,b".yaml', "a,b=c.yaml"])
async def test_a_value_file_may_be_called_as_it_likes(charted, render, name):
    charted.commit({f"chart/{name}": "words: {b: file}\n"})

    by_values = await render("chart", helm={"valueFiles": [name]})
    by_path = await render("chart", helm={"fileParameters": [{"name": "words.e", "path": name}]})

    assert words(by_values)["b"] == "file"
    assert words(by_path)["e"] == "words: {b: file}\n"


async def test_missing_value_files_may_be_ignored(charted, render):
    rendered = await render("chart", helm={"valueFiles": ["missing.yaml"], "ignoreMissingValueFiles": True})

    assert words(rendered)["a"] == "chart"


async def test_an_analysis_template_in_a_chart_says_how_to_write_its_arguments(charted, refused):
    charted.commit({"chart/templates/analysis.yaml": "query: {{args.service}}\n"})

    assert "is read by Helm" in await refused("chart")


async def test_a_chart_cannot_look_into_the_cluster_or_the_network(charted, render):
    charted.commit(
        {
            "chart/templates/words.yaml": TEMPLATE.replace(
                "{{ toYaml .Values.words | nindent 2 }}",
                '{found: "{{ lookup "v1" "Secret" "kube-system" "x" }}", host: "{{ getHostByName "localhost" }}", env: "x"}',
            )
        }
    )

    assert words(await render("chart")) == {"found": "map[]", "host": "", "env": "x"}


async def test_a_template_that_never_ends_is_ended(charted, tmp_path):
    charted.commit({"chart/templates/loop.yaml": "{{ range $i := until 2000000000 }}{{ $i }}{{ end }}"})
    source = {"repoURL": charted.url, "path": "chart", "targetRevision": "main"}
    sources = GitAndCharts(None, tmp_path / "small", replace(DEFAULTS, render_timeout_s=3.0))

    with pytest.raises(HiccupError, match="helm"):
        await sources.ask(RenderManifests(json.dumps([source]), (), "web"), "argocd")

    await sources.close()


async def test_a_manifest_of_a_chart_is_known_by_its_template(charted, render):
    rendered = await render("chart")

    kinds = dict(zip((each["kind"] for each in rendered.manifests), rendered.origins, strict=True))
    assert kinds["ConfigMap"] == "web/templates/words.yaml"
