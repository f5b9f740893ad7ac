"""Repositories for tests: made by git itself, served by git's own HTTP back end in a process of its own."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "shop",
    "GIT_AUTHOR_EMAIL": "shop@example.test",
    "GIT_COMMITTER_NAME": "shop",
    "GIT_COMMITTER_EMAIL": "shop@example.test",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{word: "{word}"}}
"""


def config_map(name: str, word: str = "one") -> str:
    """A small manifest."""
    return CONFIG_MAP.format(name=name, word=word)


class Repository:
    """A work tree and the bare repository that it is pushed to."""

    def __init__(self, where: Path) -> None:
        self.work = where / "work"
        self.bare = where / "shop.git"
        self.work.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", ".")
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare)], env=ENVIRONMENT, check=True
        )

    @property
    def url(self) -> str:
        """The address on this machine."""
        return f"file://{self.bare}"

    def git(self, *words: str) -> str:
        """Run git in the work tree."""
        done = subprocess.run(
            ["git", *words], cwd=self.work, env=ENVIRONMENT, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes | None], *, links: Mapping[str, str] | None = None) -> str:
        """Write (None: remove) files, commit, push; the new commit's SHA."""
        for path, body in files.items():
            target = self.work / path
            if body is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body.encode() if isinstance(body, str) else body)
        for path, target in (links or {}).items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).symlink_to(target)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.push()

    def push(self) -> str:
        """Push every branch and tag; the SHA of HEAD."""
        self.git("push", "--quiet", "--force", str(self.bare), "--all")
        self.git("push", "--quiet", "--force", str(self.bare), "--tags")
        return self.git("rev-parse", "HEAD")


SERVER = textwrap.dedent(
    """
    import base64, http.server, os, ssl, subprocess, sys
    root, user, is_old, pair, clients = sys.argv[1], sys.argv[2], sys.argv[3] == "old", sys.argv[4], sys.argv[5]
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            expected = "Basic " + base64.b64encode(user.encode()).decode()
            if user and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            environment = {
                "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_ADDR": "127.0.0.1",
                "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": "" if is_old else self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_GLOBAL": "/dev/null",
            }
            said = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
            head, _, rest = said.partition(b"\\r\\n\\r\\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\\r\\n") if ": " in line)
            self.send_response(int(lines.pop("Status", "200 OK").split()[0]))
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest)
        do_GET = do_POST = answer
        def log_message(self, *words):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """
)


class Server:
    """git's HTTP back end over one directory. user: `name:password` where it lets nobody else in.

    is_old: it speaks the first protocol, in which only what is advertised can be fetched.
    pair: the file of its certificate and key, where it speaks https.  clients: whose clients it lets in.
    """

    def __init__(self, root: Path, user: str = "", *, is_old: bool = False, pair: str = "", clients: str = "") -> None:
        words = [str(root), user, "old" if is_old else "new", pair, clients]
        self.scheme = "https" if pair else "http"
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, *words], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def url(self, name: str) -> str:
        """The address of a repository below the directory."""
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def secret(kind: str, name: str = "repo", **words: str) -> dict[str, object]:
    """A repository Secret as the API server returns it."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in words.items()}
    labels = {"argocd.argoproj.io/secret-type": kind}
    meta = {"name": name, "namespace": "argocd", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded}
