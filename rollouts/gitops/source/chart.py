"""What chart repositories say: the index of a Helm repository, the tags of an OCI registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from rollouts.gitops.source.errors import SourceError
from rollouts.kit.parts import at

CHART_CHARS_MAX = 256


@dataclass(frozen=True, slots=True)
class Archive:
    """Where a chart's archive lies. digest: sha256 in hex, "" where the index tells none.

    same_host: whether it lies beside the index, so that the repository's credentials may go there.
    """

    url: str
    digest: str
    same_host: bool


def checked_name(chart: str) -> str:
    """A chart's name that cannot lead anywhere else. Raises SourceError."""
    parts = chart.split("/")
    if not chart or len(chart) > CHART_CHARS_MAX or any(part in ("", ".", "..") for part in parts) or "\\" in chart:
        raise SourceError(f"chart {chart[:64]!r} is no name of a chart")
    return chart


def versions(index: Mapping[str, Any], chart: str) -> tuple[str, ...]:
    """The versions of a chart in a Helm repository's index. Raises SourceError where there is no such chart."""
    return tuple(str(entry["version"]) for entry in _entries(index, chart) if isinstance(entry.get("version"), str))


def archive(index: Mapping[str, Any], repository: str, chart: str, version: str) -> Archive:
    """Where the archive of a version lies."""
    for entry in _entries(index, chart):
        urls = entry.get("urls")
        if entry.get("version") == version and isinstance(urls, list) and urls and isinstance(urls[0], str):
            url = urljoin(repository.rstrip("/") + "/", urls[0])
            if urlsplit(url).scheme not in ("http", "https"):
                raise SourceError(f"chart {chart} {version}: its archive is not at an https address")
            digest = str(entry.get("digest") or "").removeprefix("sha256:")
            return Archive(url, digest, is_at_home(repository, url))
    raise SourceError(f"chart {chart} has no version {version}")


def is_at_home(home: str, url: str) -> bool:
    """Whether what opens one address may be shown at another: at the same server, and not in the open if it was not."""
    ours, other = urlsplit(home), urlsplit(url)
    return ours.netloc == other.netloc and other.scheme in (ours.scheme, "https")


def tag_versions(tags: Iterable[str]) -> tuple[str, ...]:
    """The versions that an OCI registry's tags mean: `_` stands where a version has `+`."""
    return tuple(tag.replace("_", "+") for tag in tags)


def _entries(index: Mapping[str, Any], chart: str) -> tuple[Mapping[str, Any], ...]:
    found = at(index, "entries", chart)
    if not isinstance(found, list):
        raise SourceError(f"the repository has no chart {chart}")
    return tuple(entry for entry in found if isinstance(entry, Mapping))
