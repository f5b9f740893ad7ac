"""`rollouts repo list|add|rm|check`: repositories and the credentials that open them, as Secrets."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from rollouts.cli.errors import ComplaintError, Exit
from rollouts.cli.frame import Lazy, LazyGroup, connection
from rollouts.cli.frame import command as kube_command
from rollouts.cli.output import output_option, show, show_data
from rollouts.core.errors import HiccupError
from rollouts.kube.kinds import SECRET

_HERE = "rollouts.cli.repo"
_LABEL = "argocd.argoproj.io/secret-type"
_ALL = f"{_LABEL} in (repository,repo-creds)"


@click.group(
    "repo",
    cls=LazyGroup,
    table={
        "list": Lazy(_HERE, "List repositories.", "list_command"),
        "add": Lazy(_HERE, "Store a repository and its credentials.", "add"),
        "rm": Lazy(_HERE, "Forget a repository.", "remove"),
        "check": Lazy(_HERE, "Ask a repository for a revision, from here.", "check"),
    },
)
def command() -> None:
    """Repositories: where desired state comes from, and who is let in. Credentials are never printed."""


@kube_command("list", examples="rollouts repo list -n argocd")
@output_option("json", "yaml")
@click.pass_context
def list_command(ctx: click.Context, /, output: str | None) -> None:
    """List repositories, and templates of credentials as ADDRESS/**; they are told by kind, never by value."""
    from rollouts.cli.connection import Query, open_cluster, run
    from rollouts.gitops.source import address, repositories
    from rollouts.view import table
    from rollouts.view.style import clean

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            secrets = (await cluster.list(Query(SECRET, cluster.namespace, labels=_ALL))).items
            found = [
                {
                    "type": "oci" if each.oci else each.kind,
                    "name": each.name,
                    "repo": address.shown(each.url),
                    "project": each.project,
                    "credentials": _told(each.credentials),
                    "template": each.is_template,
                }
                for each in repositories.all_of(secrets)
            ]
            if output:
                show_data(found, output)
                return
            columns = ("type", "name", "repo", "project", "credentials")
            rows = [
                tuple(
                    clean(str(each[name] or "-")) + ("/**" if name == "repo" and each["template"] else "")
                    for name in columns
                )
                for each in found
            ]
            show(table.lines(("TYPE", "NAME", "REPO", "PROJECT", "CREDENTIALS"), rows))

    run(once())


@kube_command(
    "add",
    examples="""
    rollouts repo add https://git.example.com/shop -n argocd --username ci --password-stdin < token
    rollouts repo add git@git.example.com:shop/web.git --ssh-private-key-path ~/.ssh/deploy
    rollouts repo add https://charts.example.com --type helm --name charts
    rollouts repo add oci://registry.example.com/charts --type helm --username ci --password-stdin < token
    """,
)
@click.argument("url")
@click.option("--name", default="", help="Name for people.")
@click.option(
    "--type", "kind", type=click.Choice(["git", "helm"]), default="git", show_default=True, help="What it holds."
)
@click.option("--project", default="", help="For this project alone.")
@click.option("--username", default="", help="User.")
@click.option("--password-stdin", is_flag=True, help="Read the password or token from standard input.")
@click.option("--ssh-private-key-path", type=click.Path(exists=True, dir_okay=False), help="Key for ssh.")
@click.option("--tls-client-cert-path", type=click.Path(exists=True, dir_okay=False), help="Certificate for https.")
@click.option("--tls-client-cert-key-path", type=click.Path(exists=True, dir_okay=False), help="Its key.")
@click.option("--proxy", default="", help="Proxy on the way to it.")
@click.option("--no-proxy", default="", help="Hosts that are reached without it, with commas between.")
@click.option("--insecure-skip-server-verification", "insecure", is_flag=True, help="Trust whoever answers.")
@click.option("--enable-oci", is_flag=True, help="It is an OCI registry of charts.")
@click.option("--template", is_flag=True, help="For every repository below this address.")
@click.pass_context
def add(ctx: click.Context, /, url: str, **chosen: Any) -> None:
    """Store a repository and its credentials as a Secret."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.gitops.source import address
    from rollouts.gitops.source.errors import SourceError
    from rollouts.kube.ref import Ref

    try:
        is_chart = chosen["kind"] == "helm" or chosen["enable_oci"]
        address.checked(url if "://" in url or not chosen["enable_oci"] else f"oci://{url}", is_chart=is_chart)
    except SourceError as error:
        raise ComplaintError(str(error), code=Exit.USAGE) from None
    kind = "repo-creds" if chosen["template"] else "repository"
    words = {"url": url, "type": chosen["kind"], **{name: chosen[name] for name in ("name", "project", "username")}}
    words |= {"password": sys.stdin.read().strip()} if chosen["password_stdin"] else {}
    words |= {"proxy": chosen["proxy"], "noProxy": chosen["no_proxy"]}
    for key, option in _FILES.items():
        if chosen[option]:
            words[key] = Path(chosen[option]).read_text()
    words |= {"insecure": "true"} if chosen["insecure"] else {}
    words |= {"enableOCI": "true"} if chosen["enable_oci"] or address.is_oci(url) else {}

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            name = _name(kind, url, chosen["project"])
            body = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": cluster.namespace, "labels": {_LABEL: kind}},
                "stringData": {key: value for key, value in words.items() if value},
            }
            if await cluster.find(Ref(SECRET, cluster.namespace, name)) is None:
                await cluster.create(SECRET, cluster.namespace, body)
            else:
                await cluster.patch(Ref(SECRET, cluster.namespace, name), body)
            show([f"repository {address.shown(url)} stored as secret/{name}"])

    run(once())


_FILES = {
    "sshPrivateKey": "ssh_private_key_path",
    "tlsClientCertData": "tls_client_cert_path",
    "tlsClientCertKey": "tls_client_cert_key_path",
}


@kube_command("rm", examples="rollouts repo rm https://git.example.com/shop -n argocd")
@click.argument("url")
@click.option("--template", is_flag=True, help="The credentials for every repository below this address.")
@click.pass_context
def remove(ctx: click.Context, /, url: str, template: bool) -> None:
    """Forget a repository and its credentials."""
    from rollouts.cli.connection import Query, open_cluster, run
    from rollouts.gitops.source import address, repositories
    from rollouts.kube.ref import Ref

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            kind = "repo-creds" if template else "repository"
            secrets = (await cluster.list(Query(SECRET, cluster.namespace, labels=f"{_LABEL}={kind}"))).items
            wanted = [
                each for each in secrets if address.normal(repositories.all_of([each])[0].url) == address.normal(url)
            ]
            if not wanted:
                raise ComplaintError(
                    f"no repository {address.shown(url)}", fix="rollouts repo list", code=Exit.NOT_FOUND
                )
            for each in wanted:
                await cluster.client.delete(Ref(SECRET, cluster.namespace, each["metadata"]["name"]))
                show([f"repository {address.shown(url)} is forgotten"])

    run(once())


@kube_command("check", examples="rollouts repo check https://git.example.com/shop main -n argocd")
@click.argument("url")
@click.argument("revision", required=False, default="")
@click.option("--chart", default="", help="Chart, where the repository holds charts.")
@click.option("--project", default="default", show_default=True, help="On behalf of this project.")
@click.pass_context
def check(ctx: click.Context, /, url: str, revision: str, chart: str, project: str) -> None:
    """Ask a repository what a revision means, with the credentials of the cluster, from this machine."""
    from rollouts.cli.connection import open_cluster, run
    from rollouts.gitops.asks import GitResolve, Resolution
    from rollouts.shell.asks.sources import GitAndCharts

    async def once() -> None:
        async with open_cluster(connection(ctx)) as cluster:
            with tempfile.TemporaryDirectory(prefix="rollouts-") as directory:
                sources = GitAndCharts(cluster.client, Path(directory))
                try:
                    found = await sources.ask(GitResolve(url, revision, chart, project), cluster.namespace)
                except HiccupError as error:
                    raise ComplaintError(str(error)) from None
                finally:
                    await sources.close()
            assert isinstance(found, Resolution)
            show([f"{found.revision} {found.name}".rstrip()])

    run(once())


def _told(credentials: Any) -> str:
    told = [
        word
        for word, value in (
            ("password", credentials.password),
            ("token", credentials.bearer),
            ("ssh key", credentials.ssh_key),
            ("certificate", credentials.tls_cert),
        )
        if value
    ]
    return ", ".join(told)


def _name(kind: str, url: str, project: str) -> str:
    """A name that is the same for the same repository."""
    digest = hashlib.sha256(f"{project}\0{url}".encode()).hexdigest()[:10]
    return f"{'creds' if kind == 'repo-creds' else 'repo'}-{digest}"
