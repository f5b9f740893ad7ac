"""The doors of a source: https with private authorities and certificates of clients, ssh with keys and known hosts."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import shlex
import ssl
import subprocess
from pathlib import Path

import asyncssh
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rollouts.core.errors import HiccupError
from rollouts.gitops.asks import GitResolve, RenderManifests
from rollouts.shell.asks.sources import GitAndCharts
from tests.gitops_render.forge import ENVIRONMENT, Repository, Server, config_map, secret


class Authority:
    """A private authority. pair: file of the certificate and key of 127.0.0.1.  pem: its own certificate."""

    def __init__(self, where: Path, name: str) -> None:
        where.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self.name, self.key, is_authority=True)
        self.pem = _pem(self.certificate)
        self.file = where / "ca.pem"
        self.file.write_text(self.pem)
        self.client = self._pair("client")
        self.pair = where / "pair.pem"
        self.pair.write_text("".join(self._pair("127.0.0.1")))

    def _pair(self, name: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        form, secret_form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        told = key.private_bytes(form, secret_form, serialization.NoEncryption()).decode()
        return _pem(self._signed(subject, key)), told

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False):
        began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False)
        )
        if is_authority:
            builder = builder.add_extension(identifier, False)
        return builder.sign(self.key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority", "shop")


@pytest.fixture
def https(shop: Repository, authority: Authority):
    shop.commit({"web/a.yaml": config_map("a")})
    server = Server(shop.bare.parent, pair=str(authority.pair))
    yield server
    server.close()


@pytest.fixture
def closed(shop: Repository, authority: Authority):
    """The same, for clients with a certificate alone."""
    shop.commit({"web/a.yaml": config_map("a")})
    server = Server(shop.bare.parent, pair=str(authority.pair), clients=str(authority.file))
    yield server
    server.close()


def trusting(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "argocd"}, "data": data}


async def rendered(sources: GitAndCharts, url: str) -> int:
    """How many objects there are."""
    question = RenderManifests(json.dumps([{"repoURL": url, "path": "web"}]), (), "web")
    return len((await sources.ask(question, "argocd")).manifests)


async def test_a_private_authority_is_believed_where_it_is_named_for_the_host(cluster, sources, https, authority):
    cluster.create(trusting("argocd-tls-certs-cm", **{"127.0.0.1": authority.pem}))

    assert await rendered(sources, https.url("shop.git")) == 1


async def test_cve_2022_31105_nobody_is_believed_who_cannot_prove_it(cluster, sources, https, tmp_path):
    other = Authority(tmp_path / "other", "shop")
    cluster.create(trusting("argocd-tls-certs-cm", **{"127.0.0.1": other.pem}))

    with pytest.raises(HiccupError, match="certificate"):
        await rendered(sources, https.url("shop.git"))


async def test_a_repository_may_say_that_its_server_proves_nothing(cluster, sources, https):
    cluster.create(secret("repository", url=https.url("shop.git"), insecure="true"))

    assert await rendered(sources, https.url("shop.git")) == 1


async def test_a_certificate_opens_a_server_that_asks_for_one(cluster, sources, closed, authority):
    cert, key = authority.client
    cluster.create(trusting("argocd-tls-certs-cm", **{"127.0.0.1": authority.pem}))
    cluster.create(secret("repository", url=closed.url("shop.git"), tlsClientCertData=cert, tlsClientCertKey=key))

    assert await rendered(sources, closed.url("shop.git")) == 1


async def test_without_the_certificate_that_server_stays_closed(cluster, sources, closed, authority):
    cluster.create(trusting("argocd-tls-certs-cm", **{"127.0.0.1": authority.pem}))

    with pytest.raises(HiccupError):
        await rendered(sources, closed.url("shop.git"))


@pytest.mark.parametrize(("shows", "passes"), [(True, True), (False, False)])
async def test_a_helm_repository_has_the_same_doors(cluster, sources, authority, shows, passes):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(authority.pair)
    context.verify_mode = ssl.CERT_REQUIRED
    app = web.Application()
    index = {"apiVersion": "v1", "entries": {"web": [{"name": "web", "version": "1.0.0", "urls": ["web.tgz"]}]}}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(index)

    app.router.add_get("/index.yaml", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    cert, key = authority.client
    words = {"tlsClientCertData": cert, "tlsClientCertKey": key} if shows else {}
    cluster.create(trusting("argocd-tls-certs-cm", **{"127.0.0.1": authority.pem}))
    cluster.create(secret("repository", url=url, type="helm", **words))

    try:
        version = (await sources.ask(GitResolve(url, "1.x", "web"), "argocd")).revision
    except HiccupError:
        version = ""
    await runner.cleanup()

    assert version == ("1.0.0" if passes else "")


class Doorman(asyncssh.SSHServer):
    """Lets in who holds the key."""

    def __init__(self, key: asyncssh.SSHKey) -> None:
        self.key = key

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "git" and key.public_data == self.key.public_data


@pytest.fixture
async def by_ssh(shop: Repository):
    """(port, public key of the host, private key of who is let in) of a server that runs git for who comes in."""
    shop.commit({"web/a.yaml": config_map("a")})
    host, guest = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")

    async def carry_out(process: asyncssh.SSHServerProcess) -> None:
        words = shlex.split(process.command or "")
        assert words[0] == "git-upload-pack", "nothing but a fetch is asked for"
        words = ["git", "upload-pack", str(shop.bare.parent / words[1].lstrip("/"))]
        git = await asyncio.create_subprocess_exec(
            *words, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert git.stdin and git.stdout

        async def feed() -> None:
            while chunk := await process.stdin.read(65536):
                git.stdin.write(chunk)
                await git.stdin.drain()
            git.stdin.close()

        feeding = asyncio.create_task(feed())
        while chunk := await git.stdout.read(65536):
            process.stdout.write(chunk)
            await process.stdout.drain()
        process.exit(await git.wait())
        await asyncio.wait({feeding}, timeout=5.0)

    server = await asyncssh.create_server(
        lambda: Doorman(guest), "127.0.0.1", 0, server_host_keys=[host], process_factory=carry_out, encoding=None
    )
    yield server.sockets[0].getsockname()[1], host.export_public_key().decode(), guest.export_private_key().decode()
    server.close()
    await server.wait_closed()


async def test_a_key_opens_a_server_whose_own_key_is_known(cluster, sources, by_ssh):
    port, public, private = by_ssh
    cluster.create(trusting("argocd-ssh-known-hosts-cm", ssh_known_hosts=f"[127.0.0.1]:{port} {public}"))
    cluster.create(secret("repo-creds", url=f"ssh://git@127.0.0.1:{port}", sshPrivateKey=private))

    assert await rendered(sources, f"ssh://git@127.0.0.1:{port}/shop.git") == 1


async def test_a_server_whose_key_nobody_knows_is_not_spoken_to(cluster, sources, by_ssh):
    port, _, private = by_ssh
    cluster.create(secret("repository", url=f"ssh://git@127.0.0.1:{port}/shop.git", sshPrivateKey=private))

    with pytest.raises(HiccupError):
        await rendered(sources, f"ssh://git@127.0.0.1:{port}/shop.git")


async def test_a_repository_may_say_that_any_key_of_its_server_will_do(cluster, sources, by_ssh):
    port, _, private = by_ssh
    words = {"sshPrivateKey": private, "insecureIgnoreHostKey": "true"}
    cluster.create(secret("repository", url=f"ssh://git@127.0.0.1:{port}/shop.git", **words))

    assert await rendered(sources, f"ssh://git@127.0.0.1:{port}/shop.git") == 1


async def test_nobody_comes_in_with_another_key(cluster, sources, by_ssh):
    port, public, _ = by_ssh
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    cluster.create(trusting("argocd-ssh-known-hosts-cm", ssh_known_hosts=f"[127.0.0.1]:{port} {public}"))
    cluster.create(secret("repository", url=f"ssh://git@127.0.0.1:{port}/shop.git", sshPrivateKey=other))

    with pytest.raises(HiccupError):
        await rendered(sources, f"ssh://git@127.0.0.1:{port}/shop.git")
