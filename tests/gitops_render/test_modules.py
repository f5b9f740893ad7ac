"""Submodules: part of the commit, fetched when a render looks into them, and no way out of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollouts.gitops.source.errors import SourceError
from rollouts.gitops.source.modules import address_of, read
from tests.gitops_render.forge import Repository, config_map


def module(parent: Repository, path: str, commit: str, url: str) -> str:
    """Bring a submodule into a repository, as `git submodule add` does."""
    (parent.work / path).mkdir(parents=True, exist_ok=True)
    parent.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    return parent.commit({".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'})


@pytest.fixture
def library(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "library")


async def test_the_files_of_a_submodule_are_part_of_the_commit(shop, library, render):
    commit = library.commit({"base/a.yaml": config_map("a", "from the library")})
    shop.commit({"web/own.yaml": config_map("own")})
    module(shop, "web/lib", commit, "../../library/shop.git")

    rendered = await render("web", directory={"recurse": True})

    assert {each["metadata"]["name"] for each in rendered.manifests} == {"own", "a"}
    assert [each.partition(":")[0] for each in rendered.origins] == ["web/own.yaml", "web/lib/base/a.yaml"]


async def test_a_submodule_that_moves_is_another_render(shop, library, render):
    first = library.commit({"a.yaml": config_map("a", "one")})
    old = module(shop, "web/lib", first, "../../library/shop.git")
    second = library.commit({"a.yaml": config_map("a", "two")})
    new = module(shop, "web/lib", second, "../../library/shop.git")

    before, after = await render("web/lib", revision=old), await render("web/lib", revision=new)

    assert [each.manifests[0]["data"]["word"] for each in (before, after)] == ["one", "two"]


async def test_submodules_lie_inside_submodules(shop, library, render, tmp_path):
    deepest = Repository(tmp_path / "deepest")
    commit = module(library, "inner", deepest.commit({"a.yaml": config_map("a")}), "../../deepest/shop.git")
    module(shop, "lib", commit, "../../library/shop.git")

    rendered = await render("lib/inner")

    assert [each["metadata"]["name"] for each in rendered.manifests] == ["a"]


async def test_a_submodule_that_nobody_looks_into_is_not_fetched(shop, render):
    shop.commit({"web/own.yaml": config_map("own")})
    module(shop, "elsewhere", "1" * 40, "https://git.example.invalid/gone.git")

    assert len((await render("web")).manifests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "/etc",
        "file:///etc",
        "ext::sh -c id",
        "-uid",
        "../../../../../../../../../../etc/../..",
        "http://169.254.169.254/x",
    ],
)
async def test_a_submodule_leads_to_no_file_of_this_machine(shop, refused, url):
    shop.commit({"web/own.yaml": config_map("own")})
    module(shop, "lib", "1" * 40, url)

    said = await refused("lib")

    assert "submodule" in said or "repoURL" in said or "lib" in said
    assert "root:" not in said


async def test_a_submodule_that_nothing_is_said_of_is_an_error_where_it_is_needed(shop, refused):
    module(shop, "lib", "1" * 40, "")

    assert ".gitmodules says nothing" in await refused("lib")


@pytest.mark.parametrize(
    ("parent", "url", "address"),
    [
        ("https://git.test/group/shop.git", "../lib.git", "https://git.test/group/lib.git"),
        ("https://git.test/group/shop.git", "../../other/lib", "https://git.test/other/lib"),
        ("https://git.test/group/shop", "./lib.git", "https://git.test/group/shop/lib.git"),
        ("git@git.test:group/shop.git", "../lib.git", "git@git.test:group/lib.git"),
        ("git@git.test:shop.git", "../lib.git", "git@git.test:lib.git"),
        ("https://git.test/shop.git", "https://other.test/lib.git", "https://other.test/lib.git"),
    ],
)
def test_a_relative_address_counts_from_the_parent(parent, url, address):
    assert address_of(parent, url) == address


@pytest.mark.parametrize(
    "url", ["../../../lib.git", "../../../../x", "/srv/x", "x/../../y", "file:///x", "../a/../../../x"]
)
def test_a_relative_address_stays_on_its_server(url):
    with pytest.raises(SourceError):
        address_of("https://git.test/group/shop.git", url)


def test_the_file_of_submodules_is_read_as_git_writes_it():
    text = '[submodule "a b"]\n\tpath = lib/a\n\turl = "../a.git"\n\tbranch = main\n# note\n[submodule "x"]\npath=x\n'

    assert read(text) == {"lib/a": "../a.git"}
