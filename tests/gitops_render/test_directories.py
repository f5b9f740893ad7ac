"""Directories of YAML and JSON, from a real repository."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import replace

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.shell.asks.sources import GitAndCharts
from rollouts.shell.settings import DEFAULTS
from tests.gitops_render.forge import Server, config_map


def names(rendered) -> list[str]:
    return [each["metadata"]["name"] for each in rendered.manifests]


async def test_a_directory_gives_its_yaml_and_json_and_nothing_else(shop, render):
    shop.commit(
        {
            "web/a.yaml": config_map("a") + "---\n" + config_map("b"),
            "web/c.json": json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}),
            "web/README.md": "# no manifest",
            "web/deeper/d.yaml": config_map("d"),
            "other/e.yaml": config_map("e"),
        }
    )

    rendered = await render("web")

    assert names(rendered) == ["a", "b", "c"]
    assert rendered.source_types == ("Directory",)


async def test_recurse_include_and_exclude_choose_the_files(shop, render):
    shop.commit({f"web/{name}.yaml": config_map(name.replace("/", "-")) for name in ("a", "x/b", "x/y/c", "skip/d")})

    everything = await render("web", directory={"recurse": True, "exclude": "skip/*"})
    some = await render("web", directory={"recurse": True, "include": "{a,x/*}.yaml"})

    assert sorted(names(everything)) == ["a", "x-b", "x-y-c"]
    assert sorted(names(some)) == ["a", "x-b", "x-y-c"]


async def test_a_list_is_taken_apart_and_an_empty_document_left_out(shop, render):
    inner = json.dumps([json.loads(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": n}})) for n in "ab"])  # fmt: skip
    shop.commit({"web/a.yaml": f"---\n---\napiVersion: v1\nkind: List\nitems: {inner}\n"})

    assert names(await render("web")) == ["a", "b"]


async def test_a_commit_elsewhere_in_the_repository_is_answered_from_the_cache(shop, render, answering):
    shop.commit({"web/a.yaml": config_map("a"), "api/b.yaml": config_map("b")})
    before = await render("web")
    shop.commit({"api/b.yaml": config_map("b", "two")})

    after = await render("web", revision=shop.git("rev-parse", "HEAD"))

    assert after.tree == before.tree
    assert after.revisions != before.revisions
    assert after.body is before.body
    assert (answering.kept.hits, answering.kept.misses) == (1, 1)


async def test_a_hard_refresh_renders_again(shop, render, answering):
    shop.commit({"web/a.yaml": config_map("a")})
    await render("web")

    await render("web", fresh=True)

    assert answering.kept.hits == 0


async def test_a_secret_with_values_enters_no_cache(shop, render, answering):
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
    shop.commit({"web/s.yaml": secret})

    rendered = await render("web")

    assert names(rendered) == ["s"]
    assert answering.kept.size == 0
    assert "hunter2" not in repr(rendered)
    assert rendered.warnings == (
        "Secret s stands in git as plain text: encrypt it with SOPS, or let an operator bring it",
    )


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("main", "main"),
        ("", "main"),
        ("HEAD", "main"),
        ("v1.2.0", "v1.2.0"),
        ("~1.2", "v1.2.1"),
        ("1.*", "v1.3.0"),
        ("refs/tags/v1.2.0", "v1.2.0"),
        (">=1.0.0-0", "v2.0.0-rc1"),
    ],
)
async def test_a_revision_is_a_branch_a_tag_or_a_range(shop, answering, target, said):
    for tag in ("v1.2.0", "v1.2.1", "v1.3.0", "v2.0.0-rc1", "nightly"):
        shop.commit({"a.yaml": config_map("a", tag)})
        shop.git("tag", "--annotate", "--message", tag, tag)
    shop.commit({"a.yaml": config_map("a", "head")})

    found = await answering.ask(GitResolve(shop.url, target), "argocd")

    assert found.revision == shop.git("rev-parse", f"{said}^{{commit}}")


async def test_several_sources_are_rendered_at_their_own_revisions(shop, answering):
    old = shop.commit({"web/a.yaml": config_map("a", "old")})
    new = shop.commit({"web/a.yaml": config_map("a", "new")})
    sources = [{"repoURL": shop.url, "path": "web", "targetRevision": revision} for revision in (old, new)]

    rendered = await answering.ask(RenderManifests(json.dumps(sources), (old, new), "web"), "argocd")

    assert [each["data"]["word"] for each in rendered.manifests] == ["old", "new"]
    assert rendered.revisions == (old, new)


@pytest.mark.parametrize("is_old", [False, True])
async def test_a_commit_that_no_branch_ends_in_is_fetched_from_any_server(shop, answering, is_old):
    first = shop.commit({"web/a.yaml": config_map("a", "first")})
    shop.commit({"web/a.yaml": config_map("a", "second")})
    third = shop.commit({"web/a.yaml": config_map("a", "third")})

    words = []
    with closing(Server(shop.bare.parent, is_old=is_old)) as server:
        source = json.dumps([{"repoURL": server.url("shop.git"), "path": "web"}])
        for sha in (third, first):
            rendered = await answering.ask(RenderManifests(source, (sha,), "web"), "argocd")
            words += [each["data"]["word"] for each in rendered.manifests]

    assert words == ["third", "first"]


async def test_a_force_push_is_followed(shop, render):
    shop.commit({"web/a.yaml": config_map("a", "first")})
    await render("web")
    shop.git("reset", "--quiet", "--hard", "HEAD")
    shop.git("commit", "--quiet", "--amend", "--allow-empty", "--message", "other")
    shop.commit({"web/a.yaml": config_map("a", "forced")})

    (manifest,) = (await render("web", revision=shop.git("rev-parse", "HEAD"))).manifests

    assert manifest["data"] == {"word": "forced"}


@pytest.mark.parametrize("lock", ["shallow.lock", "HEAD.lock", "packed-refs.lock", "refs/rollouts/x.lock"])
async def test_what_a_git_that_was_ended_left_locked_is_no_bar(shop, render, tmp_path, lock):
    shop.commit({"web/a.yaml": config_map("a")})
    await render("web")
    (mirror,) = (each for each in (tmp_path / "state" / "mirrors").iterdir() if not each.name.startswith("."))
    (mirror / lock).parent.mkdir(parents=True, exist_ok=True)
    (mirror / lock).touch()
    sha = shop.commit({"web/b.yaml": config_map("b")})

    assert names(await render("web", revision=sha)) == ["a", "b"]


@pytest.mark.parametrize("file", ["HEAD", "config"])
async def test_a_mirror_whose_making_was_cut_short_is_made_anew(shop, tmp_path, file):
    sha = shop.commit({"web/a.yaml": config_map("a")})
    question = RenderManifests(json.dumps([{"repoURL": shop.url, "path": "web"}]), (sha,), "web")
    first = GitAndCharts(None, tmp_path / "state")
    await first.ask(question, "argocd")
    await first.close()
    (mirror,) = (each for each in (tmp_path / "state" / "mirrors").iterdir() if not each.name.startswith("."))
    (mirror / file).write_bytes(b"")

    second = GitAndCharts(None, tmp_path / "state")
    found = names(await second.ask(question, "argocd"))
    await second.close()

    assert found == ["a"]


async def test_a_file_that_the_disk_has_spoilt_is_an_error_and_never_an_empty_file(shop, render, refused, tmp_path):
    shop.commit({"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b")})
    await render("web")
    (mirror,) = (each for each in (tmp_path / "state" / "mirrors").iterdir() if not each.name.startswith("."))
    oid = shop.git("rev-parse", "HEAD:web/b.yaml")
    file = mirror / "objects" / oid[:2] / oid[2:]
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-12])

    said = [await refused("web", fresh=True) for _ in range(2)]

    assert said == ["git cat-file ended"] * 2


async def test_a_start_sweeps_up_what_a_crash_left_of_plain_text(shop, tmp_path):
    left = [tmp_path / "state" / where for where in ("scratch/.render-x/files", "scratch/.signed-x", "mirrors/.git-x")]
    for each in left:
        each.mkdir(parents=True)
        (each / "plain").write_text("hunter2")

    await GitAndCharts(None, tmp_path / "state").close()

    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file()] == []


async def test_a_mirror_lets_go_of_old_commits_and_still_has_what_it_is_asked_for(shop, tmp_path):
    sources = GitAndCharts(None, tmp_path / "small", replace(DEFAULTS, git_commits_kept_max=3))
    shas = [shop.commit({"web/a.yaml": config_map("a", str(number))}) for number in range(20)]
    source = json.dumps([{"repoURL": shop.url, "path": "web"}])

    for sha in (*shas, shas[0]):
        rendered = await sources.ask(RenderManifests(source, (sha,), "web", fresh=True), "argocd")
    await sources.close()

    (mirror,) = [each for each in (tmp_path / "small" / "mirrors").iterdir() if not each.name.startswith(".")]
    assert rendered.manifests[0]["data"] == {"word": "0"}
    assert len(shop.git(f"--git-dir={mirror}", "show-ref").splitlines()) <= 7


async def test_tries_that_fail_half_way_leave_no_more_than_the_last_one_did(shop, refused, tmp_path):
    """As of a repository that is larger than may be fetched, which is asked for again and again."""
    small = replace(DEFAULTS, git_fetch_bytes_max=100_000)
    sha = shop.commit({f"{number}.bin": os.urandom(2000) for number in range(100)})
    question = RenderManifests(json.dumps([{"repoURL": shop.url}]), (sha,), "web")
    sources = GitAndCharts(None, tmp_path / "small", small)
    for _ in range(3):
        with pytest.raises(HiccupError):
            await sources.ask(question, "argocd")
    await sources.close()

    packs = [each for each in (tmp_path / "small" / "mirrors").rglob("*pack*") if each.is_file()]

    assert len(packs) == 1


async def test_a_manifest_is_known_by_its_file_and_line(shop, render):
    shop.commit({"web/a.yaml": config_map("a") + "---\n" + config_map("b"), "web/c.yaml": config_map("c")})

    first, again = await render("web"), await render("web")

    assert first.origins == again.origins
    assert [origin.partition(":")[0] for origin in first.origins] == ["web/a.yaml", "web/a.yaml", "web/c.yaml"]
    assert len(set(first.origins)) == len(first.manifests) == 3
