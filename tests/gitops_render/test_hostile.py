"""What strangers write into repositories: each is refused with its place, nothing leaves the repository."""

# ruff: noqa: E501 - a manifest stands on one line, so that a table stays a table
from __future__ import annotations

import gzip
import io
import json
import os
import socket
import sys
import tarfile
from pathlib import Path

import pytest

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.gitops.source.address import checked
from rollouts.gitops.source.errors import SourceError
from rollouts.shell.asks import sandbox
from rollouts.shell.asks.archive import unpack
from tests.gitops_render.forge import config_map

META = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("kind: ConfigMap\nmetadata: {name: a}\n", "no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "no kind"),
        ("apiVersion: v1\nkind: ConfigMap\n", "no metadata.name"),
        (META + "data: {a: 1}\ndata: {b: 2}\n", "given twice"),
        (META + "data: !!python/object/apply:os.system [id]\n", "not allowed"),
        (META + "metadata: [\n", "a.yaml:"),
        (META + "data: &x [*x]\n", "contains itself"),
        (META + "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)), "aliases expand"),
        (META + "data: " + "[" * 900 + "]" * 900, "nested deeper"),
        ("- a\n- b\n", "must be one object"),
        (META.encode() + b"data: {a: '\xff'}\n", "not UTF-8"),
        (META + "\tdata: 1\n", "a.yaml:"),
        (META.replace("name: a", "name: a, annotations: {argocd.argoproj.io/sync-wave: 5}"), "must be a text"),
        ("---\n" * 2500, ""),
        ("\n---\n".join([META] * 2500), "documents"),
    ],
)  # fmt: skip
async def test_a_broken_manifest_is_refused_where_it_stands(shop, render, refused, body, reason):
    shop.commit({"web/a.yaml": body})

    said = await refused("web") if reason else "documents" if "2000" in await refused("web") else ""

    assert reason in said
    assert "\n" not in said


async def test_a_byte_order_mark_and_windows_line_ends_are_read(shop, render):
    shop.commit({"web/a.yaml": b"\xef\xbb\xbf" + META.replace("\n", "\r\n").encode()})

    assert len((await render("web")).manifests) == 1


async def test_scalars_are_read_as_kubernetes_reads_them(shop, render):
    shop.commit({"web/a.yaml": META + "data: {a: NO, b: 0777, c: 1:30, d: 2024-01-01, e: 1_000}\n"})

    (manifest,) = (await render("web")).manifests

    assert manifest["data"] == {"a": False, "b": 511, "c": "1:30", "d": "2024-01-01", "e": 1000}


async def test_a_broken_secret_shows_none_of_its_values(shop, refused):
    shop.commit({"web/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: hunter2}\nstringData: {p: hunter3}\n"})  # fmt: skip

    said = await refused("web")

    assert "hunter" not in said


@pytest.mark.parametrize(
    "path", ["../..", "web/../../..", "/../etc", "..\\..", "web\x00", ".git", "web/.git/hooks", "%2e%2e/%2e%2e"]
)
async def test_a_path_stays_inside_the_repository(shop, refused, path):
    shop.commit({"web/a.yaml": config_map("a")})

    assert "path" in await refused(path)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("web/a.yaml", "/etc/passwd"),
        ("web/a.yaml", "../../../../../../etc/passwd"),
        ("web/a.yaml", "a.yaml"),
        ("web/x", "../web"),
        ("web", "/etc"),
        ("web/a.yaml", "C:\\secrets"),
    ],
)
async def test_a_link_never_leads_out_and_never_in_circles(shop, refused, link, target):
    shop.commit({"keep.yaml": config_map("keep")}, links={link: target})

    said = await refused("web", directory={"recurse": True})

    assert "symbolic link" in said


async def test_a_link_inside_the_repository_is_followed(shop, render):
    shop.commit({"common/a.yaml": config_map("a")}, links={"web/a.yaml": "../common/a.yaml", "web/more": "../common"})

    rendered = await render("web", directory={"recurse": True})

    assert [each["metadata"]["name"] for each in rendered.manifests] == ["a", "a"]


@pytest.mark.parametrize(
    ("path", "revision", "reason"),
    [
        ("gone", "main", "app path does not exist"),
        ("web", "gone", "no branch, tag or commit"),
        ("web", "0" * 40, ""),
        ("web", "--upload-pack=touch /tmp/x", "no revision"),
        ("web", "main:../x", "is no revision"),
        ("web", "^9", "no tag is in the range"),
    ],
)
async def test_what_is_not_there_is_an_error_and_never_an_empty_render(shop, refused, path, revision, reason):
    shop.commit({"web/a.yaml": config_map("a")})

    assert reason in await refused(path, targetRevision=revision)


async def test_an_empty_repository_is_an_error(shop, refused):
    assert "empty" in await refused("")


async def test_a_repository_that_is_not_there_is_an_error(answering, tmp_path):
    with pytest.raises(HiccupError):
        await answering.ask(GitResolve(f"file://{tmp_path}/gone.git"), "argocd")


async def test_a_file_address_cannot_reach_the_mirrors(shop, answering, render, tmp_path):
    shop.commit({"a.yaml": config_map("a")})
    await render("")
    (mirror,) = [each for each in (tmp_path / "state" / "mirrors").iterdir() if not each.name.startswith(".")]

    with pytest.raises(HiccupError, match="may be fetched"):
        await answering.ask(GitResolve(f"file://{mirror}"), "argocd")


async def test_a_file_without_end_is_refused(shop, refused):
    shop.commit({"web/a.yaml": "a" * (17 << 20)})

    assert "larger than" in await refused("web")


async def test_a_plugin_runs_nothing(shop, refused):
    shop.commit({"web/a.yaml": config_map("a")})

    assert "plugins" in await refused("web", plugin={"name": "x"})


@pytest.mark.parametrize(
    "url",
    ["", "-uextra", "--upload-pack=touch", "ext::sh -c id", "fd::17", "https://", "javascript:alert(1)", "https://x y/",
     "https://a\nb/", "git://x/y", "ssh://-oProxyCommand=id/x", "git@-oProxyCommand=id:x", "git@h:-x", "file\\x",
     "http://169.254.169.254/latest", "https://[fe80::1]/x", "http://[::ffff:169.254.169.254]/x", "http://0.0.0.0/x",
     "git@169.254.169.254:x", "http://100.100.100.200/x", "https://[fd20:ce::254]/x", "http://metadata.google.internal/x"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SourceError):
        checked(url)


@pytest.mark.parametrize(
    "url",
    ["https://git.test/a.git", "git@git.test:a/b.git", "ssh://git@git.test:2222/a", "file:///srv/a", "http://x/y"],
)
def test_an_address_of_a_repository_is_taken(url):
    assert checked(url) == url


async def test_an_address_with_a_password_is_shown_without_it(answering):
    with pytest.raises(HiccupError) as problem:
        await answering.ask(GitResolve("gopher://shop:hunter2@x/y"), "argocd")

    assert "hunter2" not in str(problem.value)


# Archives of charts.


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member, body in members:
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return out.getvalue()


def file(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (packed((file("../x"), b"x")), "leads out"),
        (packed((file("/etc/x"), b"x")), "leads out"),
        (packed((file("web/..\\x"), b"x")), "leads out"),
        (packed((file("web/x", tarfile.SYMTYPE, "/etc/passwd"), b"")), "link"),
        (packed((file("web/x", tarfile.LNKTYPE, "web/y"), b"")), "link"),
        (packed((file("web/x", tarfile.CHRTYPE), b"")), "device"),
        (packed((file("web/x"), b"1"), (file("web/x"), b"2")), "twice"),
        (packed((file("web/x"), b"1"), (file("web/x/y"), b"2")), "both"),
        (gzip.compress(b"\0" * (2 << 20)), "unpacks to more"),
        (b"no gzip", "not gzip"),
        (gzip.compress(b"no tar at all"), "tar"),
        (packed((file("web/x"), b"1"))[:-8], "does not end"),
        (packed((file("web/x"), b"1")) + packed((file("web/y"), b"2")), "does not end"),
    ],
)
def test_an_archive_that_is_not_clean_is_refused(body, reason):
    with pytest.raises(SourceError, match=reason):
        unpack(body, 1 << 20, "chart web 1.0.0")


# The sandbox.


def limits(**words: object) -> sandbox.Limits:
    return sandbox.Limits(**{"wall_s": 5.0, "output_bytes": 1000, **words})  # type: ignore[arg-type] # a table of limits


def shell(script: str, tmp_path: Path, **words: object) -> sandbox.Done:
    return sandbox.run(
        ["/bin/sh", "-c", script], cwd=tmp_path, environment={"PATH": "/usr/bin:/bin"}, limits=limits(**words)
    )


def test_a_program_sees_nothing_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")

    done = shell("env", tmp_path)

    assert b"hunter2" not in done.output


def test_a_program_that_does_not_end_is_ended_with_all_its_children(tmp_path):
    with pytest.raises(HiccupError, match="not done in 1 s"):
        shell("sleep 60 & sleep 60", tmp_path, wall_s=1.0)


def test_a_program_that_says_too_much_is_ended(tmp_path):
    with pytest.raises(HiccupError, match="larger than 1000"):
        shell("while :; do echo xxxxxxxxxxxxxxxx; done", tmp_path)


def test_a_file_cannot_grow_beyond_its_bound(tmp_path):
    done = shell("dd if=/dev/zero of=big bs=1000 count=100 2>/dev/null", tmp_path, file_bytes=10_000)

    assert done.code != 0
    assert (tmp_path / "big").stat().st_size <= 10_000


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("x = bytearray(600 << 20)", {"memory_bytes": 300 << 20}),
        ("while True: pass", {"cpu_s": 1, "wall_s": 60.0}),
        ("found = [open('/dev/null') for _ in range(100)]", {"open_files": 32}),
    ],
)
def test_a_program_that_takes_too_much_is_ended(tmp_path, script, words):
    done = sandbox.run([sys.executable, "-c", script], cwd=tmp_path, environment={}, limits=limits(**words))

    assert done.code != 0


def test_a_program_that_multiplies_is_held(tmp_path):
    if os.getuid() == 0:
        pytest.skip("root is held to no number of processes")

    done = shell("i=0; while [ $i -lt 2000 ]; do sleep 5 & i=$((i+1)); done", tmp_path, processes=100)

    assert done.code != 0


def test_a_program_has_no_network(tmp_path):
    if not sandbox.is_offline_possible():
        pytest.skip("this kernel lets nobody take the network away")

    done = shell("cat /proc/net/dev", tmp_path)

    assert [line.split(b":")[0].strip() for line in done.output.splitlines()[2:]] == [b"lo"]


@pytest.mark.parametrize("chart", ["", "web"])
@pytest.mark.parametrize("place", ["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "fe80::1%eth0", "0.0.0.0"])
async def test_a_name_that_stands_for_the_machines_own_network_is_not_fetched(answering, monkeypatch, chart, place):
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (place, 443, 0, 0) if ":" in place else (place, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **more: found)

    with pytest.raises(HiccupError, match="machine's own network"):
        await answering.ask(GitResolve("https://innocent.test/shop", "1.x", chart), "argocd")


async def test_a_question_without_sources_is_refused(answering):
    with pytest.raises(HiccupError, match="at least one source"):
        await answering.ask(RenderManifests(json.dumps([]), (), "web"), "argocd")
