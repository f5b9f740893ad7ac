"""Jsonnet, and files encrypted with SOPS and age, by the real programs."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import base64
import json
import subprocess

import pyrage
import pytest

from rollouts.core.errors import HiccupError
from rollouts.devplane.server import Devplane
from rollouts.gitops.asks import RenderManifests
from rollouts.shell import tools
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.client import Client
from rollouts.shell.kubeconfig import Access

SECRET = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: hunter2hunter2\n"
IDENTITY = pyrage.x25519.Identity.generate()


def sealed(body: str, tmp_path, *, suffix: str = ".yaml") -> str:
    plain = tmp_path / f"plain{suffix}"
    plain.write_text(body)
    words = [tools.path("sops"), "encrypt", "--age", str(IDENTITY.to_public()), "--encrypted-regex", "^(data|stringData|words)$"]  # fmt: skip
    done = subprocess.run([*words, str(plain)], capture_output=True, text=True, check=True)
    plain.unlink()
    assert "hunter2" not in done.stdout
    return done.stdout


@pytest.fixture
async def sources(tmp_path):
    async with Devplane(serves_pods=False) as devplane:
        devplane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
        key = base64.b64encode(str(IDENTITY).encode()).decode()
        meta = {"name": "sops-age", "namespace": "argocd"}
        devplane.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"shop.txt": key}})
        async with Client(Access(devplane.url)) as client:
            found = GitAndCharts(client, tmp_path / "state")
            yield found
            await found.close()


def question(shop, *, project: str = "shop", **options: object) -> RenderManifests:
    return RenderManifests(json.dumps([{"repoURL": shop.url, "path": "web", **options}]), (), "web", "shop", project)


def password(rendered) -> str:
    (manifest,) = [each for each in rendered.manifests if each["kind"] == "Secret"]
    assert "sops" not in manifest
    return manifest["stringData"]["password"]


async def test_an_encrypted_manifest_is_decrypted_and_enters_no_cache(shop, sources, tmp_path):
    shop.commit({"web/s.yaml": sealed(SECRET, tmp_path)})

    rendered = await sources.ask(question(shop), "argocd")

    assert password(rendered) == "hunter2hunter2"
    assert (sources.kept.size, rendered.warnings) == (0, ())
    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


async def test_an_encrypted_resource_of_a_kustomization_is_decrypted_before_the_build(
    shop, sources, tmp_path, kustomize
):
    shop.commit(
        {"web/kustomization.yaml": "resources: [s.yaml]\nnamePrefix: prod-\n", "web/s.yaml": sealed(SECRET, tmp_path)}
    )

    rendered = await sources.ask(question(shop), "argocd")

    assert password(rendered) == "hunter2hunter2"
    assert rendered.manifests[0]["metadata"]["name"] == "prod-s"
    assert sources.kept.size == 0


async def test_a_ksops_generator_is_read_without_running_it(shop, sources, tmp_path, kustomize):
    generator = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: g, annotations: {config.kubernetes.io/function: 'exec: {path: ksops}'}}\nfiles: [s.yaml]\n"  # fmt: skip
    shop.commit({"web/kustomization.yaml": "generators: [g.yaml]\n", "web/g.yaml": generator, "web/s.yaml": sealed(SECRET, tmp_path)})  # fmt: skip

    assert password(await sources.ask(question(shop), "argocd")) == "hunter2hunter2"


async def test_encrypted_values_reach_a_chart(shop, sources, tmp_path, helm):
    template = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: "{{ .Values.words.p }}"}\n'
    shop.commit(
        {
            "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "web/templates/s.yaml": template,
            "web/secrets.yaml": sealed("words: {p: hunter2hunter2}\n", tmp_path),
        }
    )

    rendered = await sources.ask(question(shop, helm={"valueFiles": ["secrets.yaml"]}), "argocd")

    assert password(rendered) == "hunter2hunter2"
    assert sources.kept.size == 0


async def test_another_projects_key_opens_nothing(shop, sources, tmp_path):
    shop.commit({"web/s.yaml": sealed(SECRET, tmp_path)})

    with pytest.raises(HiccupError, match="no age key"):
        await sources.ask(question(shop, project="other"), "argocd")


async def test_a_file_that_was_changed_after_it_was_encrypted_is_refused(shop, sources, tmp_path):
    changed = sealed(SECRET, tmp_path).replace("name: s", "name: t")
    shop.commit({"web/s.yaml": changed})

    with pytest.raises(HiccupError) as problem:
        await sources.ask(question(shop), "argocd")

    assert "MAC mismatch" in str(problem.value)
    assert "hunter2" not in str(problem.value)


async def test_jsonnet_is_evaluated_with_its_imports_and_arguments(shop, sources):
    script = """
    local lib = import 'lib.libsonnet';
    function(word) [lib.map('a', word), lib.map('b', std.extVar('owner'))]
    """
    library = """{ map(name, word): {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: name }, data: { word: word, text: importstr 'word.txt' },
    } }"""
    shop.commit(
        {"web/x.jsonnet": script, "libs/lib.libsonnet": library, "libs/word.txt": "hi", "web/not.libsonnet": "{"}
    )
    options = {"tlas": [{"name": "word", "value": "one"}], "extVars": [{"name": "owner", "value": "'me'", "code": True}], "libs": ["libs"]}  # fmt: skip

    rendered = await sources.ask(question(shop, directory={"jsonnet": options}), "argocd")

    assert [each["data"] for each in rendered.manifests] == [
        {"word": "one", "text": "hi"},
        {"word": "me", "text": "hi"},
    ]


async def test_jsonnet_imports_behind_what_looks_like_a_comment(shop, sources):
    script = """
    local where = 'https://git.test/*', word = importstr 'word.txt', all = '*/'; local also = import /* ' */ "also.json";
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { where: where, word: word, also: also } }"""
    shop.commit({"web/x.jsonnet": script, "web/word.txt": "hi", "web/also.json": '"so"'})
    options = {"exclude": "*.json"}

    (manifest,) = (await sources.ask(question(shop, directory=options), "argocd")).manifests

    assert manifest["data"] == {"where": "https://git.test/*", "word": "hi", "also": "so"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import '../../../../etc/passwd'", "leads out"),
        ("importstr '/etc/passwd'", "absolute path"),
        ("importstr /* from */ '/etc/passwd'", "absolute path"),
        ("importstr // from\n # here\n @'/etc/passwd'", "absolute path"),
        ("['/*', importstr '/etc/passwd', '*/']", "absolute path"),
        ("[|||\n  //\n|||, importstr '/etc/passwd']", "absolute path"),
        # Whatever is overlooked beforehand is refused when it is evaluated.
        ("[|||\n  a\n    |||\n|||\n, importstr '/etc/passwd']", "/etc/passwd is not in the repository"),
        ("[|||\n  a\n    |||\n|||\n, importstr '../../../etc/passwd']", "etc/passwd is not in the repository"),
        ("import 'gone.libsonnet'", "not in the repository"),
        ("local f(x) = f(x + 1) + 1; f(0)", "max stack"),
        ("error 'stop'", "stop"),
        ("42", "must give an object"),
    ],
)
async def test_jsonnet_stays_inside_and_ends(shop, sources, script, reason):
    shop.commit({"web/x.jsonnet": script})

    with pytest.raises(HiccupError) as problem:
        await sources.ask(question(shop), "argocd")

    assert reason in str(problem.value)
    assert "root:" not in str(problem.value)
