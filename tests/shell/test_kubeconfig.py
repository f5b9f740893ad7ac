"""What people have in their kubeconfigs, and what is said where it does not work."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollouts.core.errors import HiccupError
from rollouts.shell import kubeconfig, tls
from rollouts.shell.kubeconfig import Access, AccessError


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch, tmp_path):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def a_config(folder: Path, user: Any = None, cluster: Any = None, name: str = "one", **top: Any) -> Path:
    path = folder / f"{name}.yaml"
    content = {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443/", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "shop"}}],
    } | top
    path.write_text(yaml.safe_dump(content))
    return path


def headers(access: Access) -> dict[str, str]:
    if not access.credentials.is_fresh():
        access.credentials.renew()
    return access.credentials.headers()


def test_a_token_is_sent_as_a_bearer_token_and_never_shown(tmp_path):
    access = kubeconfig.load(str(a_config(tmp_path, {"token": "secret-token"})))

    assert (access.server, access.namespace) == ("https://one.example:6443", "shop")
    assert headers(access) == {"Authorization": "Bearer secret-token"}
    assert "secret-token" not in repr(access)


def test_a_token_file_is_read_again_after_a_refusal(tmp_path):
    (tmp_path / "token").write_text("first\n")
    access = kubeconfig.load(str(a_config(tmp_path, {"tokenFile": "token"})))
    assert headers(access) == {"Authorization": "Bearer first"}
    (tmp_path / "token").write_text("second")
    assert headers(access) == {"Authorization": "Bearer first"}
    access.credentials.reject()

    assert headers(access) == {"Authorization": "Bearer second"}
    assert "second" not in repr(access)


def test_a_token_file_goes_before_the_token_that_it_once_held(tmp_path):
    (tmp_path / "token").write_text("fresh")
    access = kubeconfig.load(str(a_config(tmp_path, {"tokenFile": "token", "token": "stale"})))

    assert headers(access) == {"Authorization": "Bearer fresh"}


def test_whom_a_kubeconfig_impersonates_has_its_groups_and_uid(tmp_path):
    access = kubeconfig.load(str(a_config(tmp_path, {"as": "ann", "as-groups": ["ops", "pay"], "as-uid": "7"})))

    assert access.impersonate == {"Impersonate-User": "ann", "Impersonate-Uid": "7"}
    assert access.groups == ("ops", "pay")


def test_data_may_be_wrapped_into_lines(tmp_path):
    pem = "-----BEGIN CERTIFICATE-----\n" + 40 * "words "
    wrapped = base64.encodebytes(pem.encode()).decode()

    assert kubeconfig.load(str(a_config(tmp_path, {"client-certificate-data": wrapped}))).certificate == pem


def test_name_and_password_are_basic_authentication(tmp_path):
    access = kubeconfig.load(str(a_config(tmp_path, {"username": "ann", "password": "pw"})))

    assert headers(access)["Authorization"] == "Basic " + base64.b64encode(b"ann:pw").decode()


def a_plugin(folder: Path, **status: Any) -> dict[str, Any]:
    program = folder / "plugin.py"
    program.write_text(
        "import json, os, sys, pathlib\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        f"count = pathlib.Path({str(folder / 'runs')!r})\n"
        "count.write_text(count.read_text() + 'x' if count.exists() else 'x')\n"
        f"status = {status!r}\n"
        "if 'token' in status: status['token'] += os.environ['SUFFIX'] + sys.argv[1]\n"
        "print(json.dumps({'apiVersion': info['apiVersion'], 'kind': 'ExecCredential', 'status': status}))\n"
    )
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(program), "!"],
            "env": [{"name": "SUFFIX", "value": "-s"}],
        }
    }


def test_an_exec_plugin_is_run_once_as_long_as_its_token_lives(tmp_path):
    user = a_plugin(tmp_path, token="t", expirationTimestamp="2999-01-01T00:00:00Z")
    access = kubeconfig.load(str(a_config(tmp_path, user)))
    first, second = headers(access), headers(access)

    assert first == second == {"Authorization": "Bearer t-s!"}
    assert (tmp_path / "runs").read_text() == "x"

    access.credentials.reject()
    headers(access)

    assert (tmp_path / "runs").read_text() == "xx"


def test_an_exec_plugin_whose_token_has_run_out_is_run_again(tmp_path):
    user = a_plugin(tmp_path, token="t", expirationTimestamp="2001-01-01T00:00:00Z")
    access = kubeconfig.load(str(a_config(tmp_path, user)))
    headers(access)
    headers(access)

    assert (tmp_path / "runs").read_text() == "xx"


@pytest.mark.parametrize(
    ("story", "change", "words"),
    [
        ("not installed", {"command": "no-such-program", "installHint": "get it at example"}, "get it at example"),
        ("it fails", {"args": ["-c", "import sys; sys.exit('please log in')"]}, "please log in"),
        ("it prints nonsense", {"args": ["-c", "print('hello')"]}, "printed no ExecCredential"),
        ("no program", {"command": ""}, "names no program"),
        ("an old version", {"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "v1alpha1"),
    ],
)
def test_an_exec_plugin_that_does_not_work_says_so_in_one_line(tmp_path, story, change, words):
    user = a_plugin(tmp_path, token="t")
    user["exec"] |= change
    with pytest.raises(HiccupError) as caught:
        headers(kubeconfig.load(str(a_config(tmp_path, user))))

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plugin_may_ask_the_person_at_the_terminal(tmp_path):
    user = a_plugin(tmp_path)
    asks = 'import sys; sys.stderr.write(\'code? \'); print(\'{"status":{"token":"%s"}}\' % input())'
    user["exec"]["args"] = ["-c", asks]
    path = a_config(tmp_path, user)
    program = (
        "import sys; from rollouts.shell import kubeconfig\n"
        "access = kubeconfig.load(sys.argv[1]); access.credentials.renew(); print(access.credentials.headers())"
    )
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        os.write(ours, b"1234\n")
        out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 1000).decode()
    os.close(ours)

    assert out == "{'Authorization': 'Bearer 1234'}\n"
    assert "code? " in shown


def test_contexts_of_several_files_are_one(tmp_path, monkeypatch):
    one, two = a_config(tmp_path, {"token": "1"}), a_config(tmp_path, {"token": "2"}, name="two")
    monkeypatch.setenv("KUBECONFIG", f"{one}{os.pathsep}{two}{os.pathsep}{tmp_path / 'missing'}")

    assert kubeconfig.load().context == "one"
    mixed = kubeconfig.load(choice=kubeconfig.Choice(cluster="two"))
    assert (mixed.context, mixed.server) == ("one", "https://two.example:6443")
    assert kubeconfig.load(choice=kubeconfig.Choice(context="two")).server == "https://two.example:6443"


@pytest.mark.parametrize(
    ("story", "prepare", "words"),
    [
        ("no file", lambda folder: str(folder / "missing"), "there is no kubeconfig"),
        ("no YAML", lambda folder: _write(folder, "a: [b"), "is no YAML"),
        ("a list", lambda folder: _write(folder, "[1, 2]"), "is no kubeconfig"),
        ("empty", lambda folder: _write(folder, ""), "no context"),
        ("no such context", lambda folder: str(a_config(folder, **{"current-context": "x"})), "there are: one"),
        ("no cluster", lambda folder: str(a_config(folder, clusters=[])), "no known cluster"),
        (
            "a certificate that is none",
            lambda folder: str(a_config(folder, {"client-certificate-data": "%"})),
            "base64",
        ),
        ("names alone", lambda folder: str(a_config(folder, users=["one"])), "`name` and `user`"),
        (
            "a certificate in binary",
            lambda folder: str(a_config(folder, cluster={"certificate-authority": _binary(folder)})),
            "is no text",
        ),
    ],
)
def test_a_kubeconfig_that_does_not_work_is_told_in_one_line(tmp_path, story, prepare, words):
    with pytest.raises(AccessError) as caught:
        kubeconfig.load(prepare(tmp_path))

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def _binary(folder: Path) -> str:
    (folder / "ca.der").write_bytes(b"\xff\xfe")
    return "ca.der"


def _write(folder: Path, text: str) -> str:
    path = folder / "broken.yaml"
    path.write_text(text)
    return str(path)


def test_without_any_configuration_the_place_of_the_default_is_named(tmp_path):
    with pytest.raises(AccessError) as caught:
        kubeconfig.load()

    assert str(tmp_path / "home" / ".kube" / "config") in str(caught.value)


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_a_pod_uses_its_own_account(tmp_path, monkeypatch, host, server):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, text in (("token", "pod-token"), ("namespace", "ops"), ("ca.crt", "PEM")):
        (tmp_path / name).write_text(text)
    access = kubeconfig.in_cluster(tmp_path)

    assert access is not None
    assert (access.server, access.namespace, access.ca) == (server, "ops", "PEM")
    assert headers(access) == {"Authorization": "Bearer pod-token"}


def test_a_pod_that_was_given_a_kubeconfig_uses_that(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("pod's own")
    monkeypatch.setattr(kubeconfig.in_cluster, "__defaults__", (tmp_path,))
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    assert kubeconfig.load().context == "in-cluster"
    a_config(tmp_path).rename(tmp_path / "home" / ".kube" / "config")

    assert kubeconfig.load().server == "https://one.example:6443"


def test_outside_of_a_pod_there_is_no_such_account(tmp_path):
    assert kubeconfig.in_cluster(tmp_path) is None


@pytest.mark.parametrize("broken", [{"ca": "no PEM"}, {"certificate": "no PEM"}])
def test_tls_material_that_is_none_is_told_without_showing_it(broken):
    with pytest.raises(AccessError) as caught:
        tls.context(Access("https://x", context="one", **broken))

    assert "context 'one'" in str(caught.value)


def test_a_key_touches_the_disk_only_where_nobody_else_can_read_it(monkeypatch):
    seen = {}

    class Recorder:
        def load_cert_chain(self, path: str) -> None:
            seen["mode"], seen["path"] = stat.S_IMODE(os.stat(path).st_mode), path

    monkeypatch.setattr(tls.ssl, "create_default_context", lambda **more: Recorder())
    tls.context(Access("https://x", certificate="CERT", key="KEY"))

    assert seen["mode"] == 0o600
    assert not Path(seen["path"]).exists()


def test_plain_http_needs_no_tls():
    assert tls.context(Access("http://127.0.0.1:8001")) is None


def test_a_plugin_is_told_of_the_cluster_what_it_needs_to_speak_to_it(tmp_path):
    user = a_plugin(tmp_path)
    echo = "import os; open(os.environ['TO'], 'w').write(os.environ['KUBERNETES_EXEC_INFO']); print('{\"status\": {}}')"
    told = tmp_path / "told"
    user["exec"] |= {"provideClusterInfo": True, "args": ["-c", echo], "env": [{"name": "TO", "value": str(told)}]}
    (tmp_path / "ca.pem").write_text("PEM")
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    cluster = {"certificate-authority": "ca.pem", "tls-server-name": "api", "extensions": [extension]}
    headers(kubeconfig.load(str(a_config(tmp_path, user, cluster))))

    assert json.loads(told.read_text())["spec"]["cluster"] == {
        "server": "https://one.example:6443/",
        "tls-server-name": "api",
        "certificate-authority-data": base64.b64encode(b"PEM").decode(),
        "config": {"audience": "x"},
    }


def test_what_a_plugin_is_told_is_json(tmp_path):
    user = a_plugin(tmp_path, token="t")
    user["exec"] |= {
        "provideClusterInfo": True,
        "args": [
            "-c",
            "import os; print('{\"status\":{\"token\":' + repr(len(os.environ['KUBERNETES_EXEC_INFO'])) + '}}')",
        ],
    }
    access = kubeconfig.load(str(a_config(tmp_path, user)))
    told = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": {"server": "https://one.example:6443/"}},
    }

    assert headers(access) == {"Authorization": f"Bearer {len(json.dumps(told))}"}
