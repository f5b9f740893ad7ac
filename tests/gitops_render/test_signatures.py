"""Signed commits: where a project names keys, nothing is rendered that none of them signed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import RenderManifests
from rollouts.gitops.source import signature
from rollouts.gitops.source.errors import SourceError
from rollouts.shell.asks.sources import GitAndCharts, Known
from tests.gitops_render.forge import Repository, config_map

pytestmark = pytest.mark.skipif(not shutil.which("gpg"), reason="gpg signs the commits of these stories")


class Person:
    """Somebody with a key."""

    def __init__(self, home: Path, *, expires: str = "never") -> None:
        home.mkdir(mode=0o700)
        self._environment = {"PATH": os.environ["PATH"], "GNUPGHOME": str(home)}
        words = ["--batch", "--passphrase", "", "--quick-generate-key", "ann@shop.test", "ed25519", "sign", expires]
        self._gpg("--faked-system-time", "20260101T000000!", *words)
        listed = self._gpg("--with-colons", "--list-keys").splitlines()
        self.key_id = next(line for line in listed if line.startswith("pub")).split(":")[4]
        self.key = self._gpg("--armor", "--export")
        self.home = home

    def _gpg(self, *words: str) -> str:
        done = subprocess.run(["gpg", *words], env=self._environment, capture_output=True, text=True, check=True)
        return done.stdout

    def signs(self, repository: Repository, files: dict[str, str]) -> str:
        """A signed commit."""
        program = self.home / "gpg"
        program.write_text(
            f'#!/bin/sh\nGNUPGHOME={self.home} exec gpg --faked-system-time "20260101T000100!" --batch "$@"\n'
        )
        program.chmod(0o700)
        for name, value in (
            ("gpg.program", str(program)),
            ("user.signingkey", self.key_id),
            ("commit.gpgsign", "true"),
        ):
            repository.git("config", name, value)
        commit = repository.commit(files)
        repository.git("config", "commit.gpgsign", "false")
        return commit

    def signs_tag(self, repository: Repository, name: str) -> None:
        """A signed annotated tag of the latest commit, whoever made that."""
        repository.git("config", "user.signingkey", self.key_id)
        repository.git("tag", "--sign", "--message", "release", name)
        repository.push()

    def close(self) -> None:
        subprocess.run(["gpgconf", "--kill", "all"], env=self._environment, check=True)


@pytest.fixture
def person(tmp_path: Path) -> Callable[..., Person]:
    people: list[Person] = []

    def one(**words: str) -> Person:
        people.append(Person(tmp_path / f"p{len(people)}", **words))
        return people[-1]

    yield one
    for each in people:
        each.close()


@pytest.fixture
def ask(shop: Repository, answering: GitAndCharts):
    async def one(allowed: tuple[str, ...], keys: tuple[str, ...], revision: str = "", target: str = "main") -> int:
        async def known(namespace: str) -> Known:
            return replace(Known(), keys=keys)

        answering._read = known
        source = {"repoURL": shop.url, "path": "web", "targetRevision": target}
        question = RenderManifests(json.dumps([source]), (revision,), "web", "shop", signed_by=allowed)
        return len((await answering.ask(question, "argocd")).manifests)

    return one


async def test_a_commit_that_an_allowed_key_signed_is_rendered(shop, person, ask):
    ann = person()
    ann.signs(shop, {"web/a.yaml": config_map("a")})

    assert await ask((ann.key_id,), (ann.key,)) == 1


async def test_a_commit_that_nobody_signed_is_refused_even_where_its_render_is_known(shop, person, ask):
    ann = person()
    ann.signs(shop, {"web/a.yaml": config_map("a")})
    await ask((ann.key_id,), (ann.key,))
    unsigned = shop.commit({"elsewhere.yaml": config_map("b")})

    with pytest.raises(HiccupError, match="is required to be signed, but it is not"):
        await ask((ann.key_id,), (ann.key,), unsigned)


async def test_a_merge_is_no_better_signed_than_by_itself(shop, person, ask):
    ann = person()
    ann.signs(shop, {"web/a.yaml": config_map("a")})
    shop.git("checkout", "-q", "-b", "side")
    ann.signs(shop, {"web/b.yaml": config_map("b")})
    shop.git("checkout", "-q", "main")
    shop.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    shop.git("push", "-q", str(shop.bare), "main")

    with pytest.raises(HiccupError, match="is required to be signed"):
        await ask((ann.key_id,), (ann.key,))


async def test_a_tag_that_an_allowed_key_signed_vouches_for_a_commit_that_nobody_signed(shop, person, ask):
    ann = person()
    ann.signs(shop, {"web/a.yaml": config_map("a")})
    shop.commit({"web/b.yaml": config_map("b")})
    ann.signs_tag(shop, "v1.2.0")

    assert await ask((ann.key_id,), (ann.key,), target="v1.2.0") == 2
    assert await ask((ann.key_id,), (ann.key,), target="^1.0") == 2
    with pytest.raises(HiccupError, match="is required to be signed, but it is not"):
        await ask((ann.key_id,), (ann.key,), target="main")


async def test_a_tag_that_a_stranger_signed_or_nobody_did_vouches_for_nothing(shop, person, ask):
    ann, eve = person(), person()
    eve.signs(shop, {"web/a.yaml": config_map("a")})
    shop.commit({"web/b.yaml": config_map("b")})
    eve.signs_tag(shop, "v1")
    shop.git("tag", "--annotate", "--message", "release", "v2")
    shop.push()

    with pytest.raises(HiccupError, match="which the project does not allow"):
        await ask((ann.key_id,), (ann.key, eve.key), target="v1")
    with pytest.raises(HiccupError, match="is required to be signed, but it is not"):
        await ask((ann.key_id,), (ann.key,), target="v2")


def test_a_signature_of_a_tag_speaks_of_no_other_commit():
    tag = b"object %s\ntype commit\ntag v1\n\nwords\n-----BEGIN PGP SIGNATURE-----\nx\n" % (b"a" * 40)

    assert signature.parted_tag(tag, "a" * 40) is not None
    assert signature.parted_tag(tag, "b" * 40) is None


async def test_another_persons_key_opens_nothing(shop, person, ask):
    ann, eve = person(), person()
    eve.signs(shop, {"web/a.yaml": config_map("a")})

    with pytest.raises(HiccupError, match="which the project does not allow"):
        await ask((ann.key_id,), (ann.key, eve.key))
    with pytest.raises(HiccupError, match="nobody has brought"):
        await ask((eve.key_id,), (ann.key,))


async def test_a_key_that_has_run_out_opens_nothing(shop, person, ask):
    ann = person(expires="2026-02-01")
    ann.signs(shop, {"web/a.yaml": config_map("a")})

    with pytest.raises(HiccupError, match="does not count"):
        await ask((ann.key_id,), (ann.key,))


async def test_an_id_that_is_short_enough_to_be_forged_allows_nobody(shop, person, ask):
    ann = person()
    ann.signs(shop, {"web/a.yaml": config_map("a")})

    with pytest.raises(HiccupError, match="does not allow"):
        await ask((ann.key_id[-8:],), (ann.key,))


def test_a_commit_that_was_changed_after_it_was_signed_does_not_count(shop, person, tmp_path):
    from rollouts.shell.asks import signed

    ann = person()
    commit = ann.signs(shop, {"web/a.yaml": config_map("a")})
    raw = subprocess.run(
        ["git", "cat-file", "commit", commit], cwd=shop.work, capture_output=True, check=True
    ).stdout  # fmt: skip

    signed.verify(raw, commit, (ann.key_id,), (ann.key,), tmp_path / "s")
    with pytest.raises(SourceError, match="BADSIG"):
        signed.verify(raw.replace(b"tree ", b"tree f", 1), commit, (ann.key_id,), (ann.key,), tmp_path / "s")


def test_a_signature_of_another_kind_is_told_as_one():
    raw = b"tree x\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n\nwords\n"

    with pytest.raises(SourceError, match="other means than GnuPG"):
        signature.parted(raw)
