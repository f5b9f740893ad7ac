"""The two judges of traffic that nobody here wrote: Traefik routes by the Ingresses, Prometheus counts.

Both run inside the network namespace, beside a plane whose played pods are real HTTP servers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.plane.build import cache_root
from tests.plane.plane import Plane
from tests.plane.processes import Child, Family, free_port

START_S_MAX = 30.0
SCRAPE_S = 1


@dataclass(frozen=True, slots=True)
class Service:
    """A running server and where it answers."""

    child: Child
    url: str


def start_traefik(plane: Plane) -> Service:
    """Traefik as the ingress controller of class `nginx`, reading the ingress-nginx annotations."""
    _make_ingress_class(plane)
    port, ping = free_port(), free_port()
    provider = "--providers.kubernetesingressnginx"
    child = plane.family.start("traefik", [
        str(Path(sys.executable).with_name("traefik")), f"{provider}=true", f"{provider}.endpoint={plane.admin.url}",
        f"{provider}.token={plane.admin.token}", f"{provider}.certauthfilepath={plane.admin.ca}",
        f"--entrypoints.web.address=127.0.0.1:{port}", f"--entrypoints.ping.address=127.0.0.1:{ping}",
        "--providers.providersthrottleduration=100ms",
        "--ping=true", "--ping.entrypoint=ping", "--global.sendanonymoususage=false", "--global.checknewversion=false",
    ])  # fmt: skip
    child.until(lambda: _answers(f"http://127.0.0.1:{ping}/ping"), START_S_MAX)
    return Service(child, f"http://127.0.0.1:{port}")


def start_routers(plane: Plane) -> Service:
    """Traefik as a Gateway API implementation, and reading its own IngressRoutes and TraefikServices."""
    port, ping = free_port(), free_port()
    flags = []
    for provider in ("--providers.kubernetescrd", "--providers.kubernetesgateway"):
        flags += [
            f"{provider}=true", f"{provider}.endpoint={plane.admin.url}", f"{provider}.token={plane.admin.token}",
            f"{provider}.certauthfilepath={plane.admin.ca}", f"{provider}.throttleduration=100ms",
        ]  # fmt: skip
    child = plane.family.start("traefik-routers", [
        str(Path(sys.executable).with_name("traefik")), *flags,
        f"--entrypoints.web.address=127.0.0.1:{port}", f"--entrypoints.ping.address=127.0.0.1:{ping}",
        "--providers.providersthrottleduration=100ms", "--log.level=INFO",
        "--ping=true", "--ping.entrypoint=ping", "--global.sendanonymoususage=false", "--global.checknewversion=false",
    ])  # fmt: skip
    child.until(lambda: _answers(f"http://127.0.0.1:{ping}/ping"), START_S_MAX)
    return Service(child, f"http://127.0.0.1:{port}")


def find_prometheus() -> str | None:
    """The Prometheus of this machine: on the PATH, or unpacked beside the plane's binaries."""
    unpacked = cache_root() / "prometheus" / "usr" / "bin" / "prometheus"
    return shutil.which("prometheus") or (str(unpacked) if os.access(unpacked, os.X_OK) else None)


def start_prometheus(plane: Plane, program: str) -> Service:
    """Prometheus scraping every pod that serves, with its labels."""
    port = free_port()
    config = plane.folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_scraping(plane)))
    child = plane.family.start("prometheus", [
        program, f"--config.file={config}", f"--storage.tsdb.path={plane.folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ])  # fmt: skip
    child.until(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), START_S_MAX)
    return Service(child, f"http://127.0.0.1:{port}")


@contextmanager
def remembering(program: str, folder: Path, samples: str) -> Iterator[str]:
    """The address of a Prometheus that scrapes nobody and holds these samples (OpenMetrics), however old they are."""
    (folder / "samples.om").write_text(samples)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    promtool, data = Path(program).with_name("promtool"), folder / "data"
    fill = [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", data]
    subprocess.run(fill, check=True, capture_output=True, timeout=60)
    family, port = Family(folder), free_port()
    url = f"http://127.0.0.1:{port}"
    child = family.start("prometheus", [
        program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
    ])  # fmt: skip
    try:
        child.until(lambda: _answers(f"{url}/-/ready"), START_S_MAX)
        yield url
    finally:
        family.stop()


def targets_file(plane: Plane) -> Path:
    """Where the player says which pods are to be scraped (Debian builds Prometheus without Kubernetes discovery)."""
    return plane.folder / "targets" / "pods.json"


def _scraping(plane: Plane) -> dict[str, object]:
    job = {"job_name": "pods", "file_sd_configs": [{"files": [str(targets_file(plane))], "refresh_interval": "1s"}]}
    every = f"{SCRAPE_S}s"
    return {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": [job]}


def _make_ingress_class(plane: Plane) -> None:
    path = "/apis/networking.k8s.io/v1/ingressclasses"
    if not plane.admin.answers(f"{path}/nginx"):
        plane.admin.ask("POST", path, {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}})


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
