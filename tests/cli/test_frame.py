"""The frame around every command: help, exit codes, start-up, output that fits its reader."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from rollouts.cli.connection import access_of
from rollouts.cli.frame import Connection, LazyGroup, SpanParam
from rollouts.cli.main import COMMANDS, root
from tests.cli.conftest import Type
from tests.cli.recorder import Recorder
from tests.view.objects import rollout


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    found: list[tuple[tuple[str, ...], click.Command]] = []
    assert isinstance(group, LazyGroup)
    for name in group.table:
        each = group.get_command(click.Context(group), name)
        assert each is not None
        found += commands(each, (*path, name)) if isinstance(each, LazyGroup) else [((*path, name), each)]
    return found


def test_every_command_has_help_with_examples(typed: Type) -> None:
    for words, _ in commands():
        outcome = typed(*words, "--help")

        assert outcome.code == 0, words
        assert "Examples:" in outcome.out, words


def test_the_listing_says_what_each_command_says_of_itself() -> None:
    for name, entry in COMMANDS.items():
        command = getattr(importlib.import_module(entry.module), entry.attribute)

        assert command.name in (name, name.replace("_", "-")), name
        assert entry.summary.endswith("."), name


def test_version_starts_without_anything_heavy() -> None:
    heavy = "aiohttp kopf kubernetes pydantic orjson yaml numpy asyncio"
    program = (
        "import sys; from rollouts.cli.main import main; code = main(['version']);"
        f"print(sorted(set('{heavy}'.split()) & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["rollouts: v0.1.0", "[]"]


def test_version_answers_at_once() -> None:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rollouts.cli.main", "version"], check=True, capture_output=True)
        return time.perf_counter() - began

    assert min(once() for _ in range(3)) <= 0.3


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("promot", "web"), 64, "did you mean 'promote'"),
        (("get", "rolout", "web"), 64, "did you mean 'rollout'"),
        (("undo",), 64, "Missing argument 'NAME'"),
        (("dashboard",), 64, "rollouts get ro NAME --watch"),
        (("promote",), 64, "give either names or a selector"),
        (("promote", "web", "-l", "team=pay"), 64, "give either names or a selector"),
        (("abort", "web", "-A"), 64, "-A goes with -l"),
        (("get", "ro", "web", "-o", "go-template={{.kind"), 64, "an action that is not closed"),
        (("get", "ro", "web", "-o", "go-template"), 64, "is none of wide, json"),
        (("get", "ro", "web", "-o", "go-template-file=/nowhere"), 64, "/nowhere: No such file"),
        (("get", "ro", "web", "-o", "jsonpath={.spec"), 64, "a brace is not closed"),
        (("get", "ro", "web", "-o", "custom-columns=A"), 64, "is not HEADING:PATH"),
        (("list", "ro", "-o", "xml"), 64, "is none of wide, json"),
        (("create",), 64, "name files with -f"),
        (("create", "ar"), 64, "give either --from or --from-file"),
        (("status", "web", "--timeout", "soon"), 64, "is not a span of time"),
        (("set", "image", "web", "web:2"), 64, "is not CONTAINER=IMAGE"),
        (("list", "rollouts"), 1, "rollouts demo"),
        (("list", "rollouts"), 1, "there is no kubeconfig"),
        (("list", "rollouts", "-s", "nonsense://x"), 1, "https://HOST:PORT"),
        (("list", "rollouts", "-s", "http://127.0.0.1:99999"), 1, "https://HOST:PORT"),
        (("promote", ""), 64, "the name is empty"),
        (("get", "ro", ""), 64, "the name is empty"),
        (("status", "deploy/web"), 64, "names no Rollout"),
        (("get", "web"), 64, "rollouts get rollout web"),
        (("retry", "web"), 64, "rollouts retry rollout web"),
        (("help", "prmote"), 64, "did you mean 'promote'"),
        (("options",), 64, "rollouts --help"),
        (("explain", "ro/"), 64, "the name is empty"),
        (("why", "web", "-o", "jsonpath={.sentence"), 64, "a brace is not closed"),
        (("list", "rollouts", "-s", "http://127.0.0.1:9"), 1, "no answer from the API server"),
        (("list", "rollouts", "--kubeconfig", "/nowhere"), 1, "there is no kubeconfig /nowhere"),
    ],
)
def test_what_goes_wrong_is_told_with_its_code(typed: Type, words: tuple[str, ...], code: int, told: str) -> None:
    outcome = typed(*words)

    assert outcome.code == code
    assert told in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("words", [("help", "set", "image"), ("set", "help", "image"), ("set", "image", "--help")])
def test_help_stands_where_people_look_for_it(typed: Type, words: tuple[str, ...]) -> None:
    assert "rollouts set image web web=" in typed(*words).out


def test_what_is_no_object_takes_templates_as_well(typed: Type) -> None:
    number = json.loads(typed("version", "-o", "json").out)["version"]

    assert typed("version", "-o", "jsonpath={.version}").out == number
    assert typed("version", "-o", "go-template={{.version}}").out == number


def test_the_version_is_told_as_a_command_and_as_an_option(typed: Type) -> None:
    assert typed("--version").out == typed("version").out


def test_a_reader_who_has_left_is_no_failure() -> None:
    program = [sys.executable, "-m", "rollouts.cli.main", "version"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=20)

    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize(
    ("redirected", "code", "told"), [(">&-", 0, ""), (">/dev/full", 1, "standard output: No space left on device")]
)
def test_an_output_that_takes_nothing_is_no_crash(redirected: str, code: int, told: str) -> None:
    program = f"exec {sys.executable} -m rollouts.cli.main version -o yaml {redirected}"
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert told in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), ("500ms", 0.5), ("1.5h", 5400), ("0", 0)],
)
def test_spans_are_read_as_kubectl_writes_them(text: str, seconds: float) -> None:
    assert SpanParam().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "x", "-5s", "5d", "m"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        SpanParam().convert(text, None, None)


@pytest.mark.parametrize(
    ("encoding", "icon"), [("utf-8", "⟳"), ("ascii", "@"), ("latin-1", "@")], ids=["utf-8", "ascii", "latin-1"]
)
def test_icons_fit_the_terminal(encoding: str, icon: str) -> None:
    program = "from rollouts.cli.output import show, style; show([style().kind('Rollout') + ' caf\\u00e9 \\u27f3'])"
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=env, check=True)

    assert done.stdout.decode(encoding).startswith(f"{icon} caf")


@pytest.mark.parametrize(
    ("env", "no_color", "expected"),
    [
        ({}, False, False),
        ({"CLICOLOR_FORCE": "1"}, False, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], no_color: bool, expected: bool
) -> None:
    from rollouts.cli.output import style

    for name in ("NO_COLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert style(no_color=no_color).colour is expected


def test_the_plugin_calls_itself_by_the_name_it_was_called_by(tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-rollouts"
    plugin.write_text("import sys\nfrom rollouts.cli.main import main\nsys.exit(main())\n")
    done = subprocess.run([sys.executable, str(plugin), "promote"], capture_output=True, text=True, check=False)

    assert done.returncode == 64
    assert "Usage: kubectl rollouts promote" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_offered(typed: Type, shell: str) -> None:
    assert "_ROLLOUTS_COMPLETE" in typed("completion", shell).out


@pytest.mark.parametrize("words", [(), ("get",), ("app",)])
def test_a_group_alone_says_what_it_has(typed: Type, words: tuple[str, ...]) -> None:
    outcome = typed(*words)

    assert outcome.code == 0
    assert "Commands:" in outcome.out


def test_requests_are_made_in_the_name_that_kubectls_flags_say(typed: Type) -> None:
    whom = ("--as", "ada", "--as-uid", "7", "--as-group", "dev", "--as-group", "ops")
    with Recorder({"/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web": rollout()}) as server:
        outcome = typed("pause", "web", "-n", "shop", *whom, "--server", server.url)

    assert outcome.code == 0, outcome.err
    assert set(server.impersonated) == {("ada", "7", "dev", "ops")}


def test_a_group_without_a_user_is_refused_with_the_mend(typed: Type) -> None:
    outcome = typed("pause", "web", "--as-group", "dev", "--server", "http://127.0.0.1:1")

    assert outcome.code == 64
    assert "fix: name the user: --as USER" in outcome.err


def test_cluster_user_and_certificates_may_be_named_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("authority")
    (tmp_path / "config").write_text(
        "contexts: [{name: c, context: {cluster: one, user: ann}}]\ncurrent-context: c\n"
        "clusters: [{name: one, cluster: {server: 'https://one'}}, {name: two, cluster: {server: 'https://two'}}]\n"
        "users: [{name: ann, user: {}}, {name: bob, user: {token: t}}]\n"
    )
    wish = Connection(
        kubeconfig=str(tmp_path / "config"),
        cluster="two",
        user="bob",
        ca_file=str(tmp_path / "ca"),
        tls_server_name="x",
    )
    access = access_of(wish)

    assert (access.server, access.user, access.ca, access.server_name) == ("https://two", "bob", "authority", "x")


def test_a_file_or_entry_that_is_not_there_is_named(typed: Type, tmp_path: Path) -> None:
    gone = typed("list", "ro", "--certificate-authority", "/no/such", "--server", "https://127.0.0.1:1")
    (tmp_path / "config").write_text("contexts: [{name: c, context: {cluster: one}}]\ncurrent-context: c\n")
    unknown = typed("list", "ro", "--kubeconfig", str(tmp_path / "config"), "--cluster", "two")

    assert (gone.code, "/no/such: No such file" in gone.err) == (1, True)
    assert (unknown.code, "no cluster 'two'" in unknown.err) == (1, True)
