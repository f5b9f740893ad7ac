"""Kustomize sources, by the real program."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import json
import subprocess

import pytest

from rollouts.gitops.render.overrides import overridden
from rollouts.kit import strictyaml
from tests.gitops_render.forge import config_map

pytestmark = pytest.mark.usefixtures("kustomize")

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
"""
BASE = "resources: [deployment.yaml]\nimages: [{name: web, newName: registry.test/web, newTag: v1}]\n"
OVERLAY = "resources: [../../base]\nnamePrefix: prod-\npatches: [{path: replicas.yaml}]\nconfigMapGenerator: [{name: words, files: [word=word.txt]}]\n"
PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n"


@pytest.fixture
def overlays(shop):
    shop.commit(
        {
            "web/base/kustomization.yaml": BASE,
            "web/base/deployment.yaml": DEPLOYMENT,
            "web/overlays/prod/kustomization.yaml": OVERLAY,
            "web/overlays/prod/replicas.yaml": PATCH,
            "web/overlays/prod/word.txt": "hello",
            "web/overlays/prod/notes.md": "read by nobody",
            "web/overlays/dev/kustomization.yaml": "resources: [../../base]\n",
        }
    )
    return shop


def one(rendered, kind: str):
    return next(each for each in rendered.manifests if each["kind"] == kind)


async def test_an_overlay_is_built_with_its_base_patches_and_generators(overlays, render):
    rendered = await render("web/overlays/prod")

    deployment = one(rendered, "Deployment")
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == ("prod-web", 3)
    assert one(rendered, "ConfigMap")["data"] == {"word": "hello"}
    assert rendered.source_types == ("Kustomize",)


@pytest.mark.parametrize(
    ("path", "renders"),
    [
        ("web/base/deployment.yaml", True),
        ("web/overlays/prod/word.txt", True),
        ("web/overlays/prod/notes.md", False),
        ("web/overlays/dev/kustomization.yaml", False),
        ("api/else.yaml", False),
    ],
)
async def test_a_commit_renders_what_it_touched_and_nothing_else(overlays, render, answering, path, renders):
    await render("web/overlays/prod")
    before = (overlays.work / path).read_text() if (overlays.work / path).exists() else ""
    overlays.commit({path: before + "\n"})

    await render("web/overlays/prod", revision=overlays.git("rev-parse", "HEAD"))

    assert answering.kept.misses == (2 if renders else 1)


async def test_the_applications_overrides_reach_the_build(overlays, render):
    options = {
        "namePrefix": "shop-",
        "images": ["web=*:v9"],
        "replicas": [{"name": "web", "count": "7"}],
        "commonAnnotations": {"owner": "$ARGOCD_APP_NAME"},
        "commonAnnotationsEnvsubst": True,
        "commonLabels": {"team": "shop"},
        "labelWithoutSelector": True,
        "namespace": "elsewhere",
        "patches": [
            {"target": {"kind": "Deployment"}, "patch": '[{"op": "add", "path": "/spec/paused", "value": true}]'}
        ],
    }

    deployment = one(await render("web/base", kustomize=options), "Deployment")

    meta, spec = deployment["metadata"], deployment["spec"]
    assert (meta["name"], meta["namespace"]) == ("shop-web", "elsewhere")
    assert (meta["annotations"], meta["labels"]) == ({"owner": "web"}, {"team": "shop"})
    assert (spec["replicas"], spec["paused"], spec["selector"]) == (7, True, {"matchLabels": {"app": "web"}})
    assert spec["template"]["spec"]["containers"][0]["image"] == "registry.test/web:v9"


async def test_an_override_file_beside_the_source_sets_an_image(overlays, render):
    overlays.commit({"web/base/.argocd-source-web.yaml": "kustomize: {images: [web=registry.test/web:v5]}\n"})

    deployment = one(await render("web/base"), "Deployment")

    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.test/web:v5"


async def test_a_file_of_overrides_cannot_name_another_repository(overlays, render):
    overlays.commit({"web/base/.argocd-source.yaml": "repoURL: https://elsewhere.test/x\npath: other\n"})

    assert one(await render("web/base"), "Deployment")


@pytest.mark.parametrize(
    "image",
    [
        "web=registry.test:5000/new/web:v2",
        "web:v2",
        "web@sha256:" + "0" * 64,
        "web=*:v3",
        "new:v1",
        "api=repo/api:t@sha256:" + "1" * 64,
    ],
)
def test_images_are_set_as_kustomize_edit_sets_them(kustomize, tmp_path, image):
    file = tmp_path / "kustomization.yaml"
    file.write_text(
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n"
        + BASE.replace("resources: [deployment.yaml]\n", "")
    )
    ours = overridden(strictyaml.read(file.read_bytes(), "k")[0].value, {"images": [image]}, {}, ())
    subprocess.run([kustomize, "edit", "set", "image", image], cwd=tmp_path, check=True)

    theirs = strictyaml.read(file.read_bytes(), "k")[0].value

    assert sorted(ours["images"], key=json.dumps) == sorted(theirs["images"], key=json.dumps)


@pytest.mark.parametrize(
    ("kustomization", "reason"),
    [
        ("resources: ['https://github.com/elsewhere/base?ref=v1']\n", "remote base"),
        ("resources: ['github.com/elsewhere/base//config?ref=v1']\n", "remote base"),
        ("resources: ['git@github.com:elsewhere/base.git']\n", "remote base"),
        ("resources: [../../../../etc]\n", "leads out of the repository"),
        ("resources: [gone.yaml]\n", "not in the repository"),
        ("helmCharts: [{name: x, repo: 'https://charts.test'}]\n", "helmCharts"),
        ("resources: [x.yaml]\ngenerators: [exec.yaml]\n", "runs a program from git"),
        ("resources: [loop]\n", "cycle"),
        ("resources: [.git/config]\n", "git's own files"),
    ],
)
async def test_what_would_leave_the_repository_or_run_a_program_is_refused(shop, refused, kustomization, reason):
    shop.commit(
        {
            "web/kustomization.yaml": kustomization,
            "web/x.yaml": config_map("x"),
            "web/exec.yaml": "apiVersion: v1\nkind: Evil\nmetadata: {name: e, annotations: {config.kubernetes.io/function: 'exec: {path: ./e}'}}\n",
            "web/loop/kustomization.yaml": "resources: [..]\n",
        }
    )

    assert reason in await refused("web")


async def test_a_version_that_nobody_looks_at_is_told(overlays, render):
    rendered = await render("web/base", kustomize={"version": "v4.5.7"})

    assert ["v4.5.7 is not looked at" in each for each in rendered.warnings] == [True]


async def test_a_tag_where_an_image_belongs_is_told(overlays, render):
    rendered = await render("web/base", kustomize={"images": ["web=sha-abc123"]})

    assert rendered.warnings == (
        "web/base/kustomization.yaml: image web gets the name 'sha-abc123', which looks like a tag: write web=*:sha-abc123",
    )
    assert (await render("web/base")).warnings == ()
