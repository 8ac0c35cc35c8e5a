"""`make environment`: what executors need of this virtual environment, as an archive that Spark sends to them.

It leaves out pyspark, which Spark itself sends, the project, which spark-submit.sh zips, and what a processor never
loads of CUDA. Of that torch's wheels link to more than half, used or not: only a torch without CUDA has none.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution, requires
from io import BytesIO
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = ("facejoin", "pyspark", "triton")  # triton compiles for GPUs
CUDA = "nvidia/"  # where all of its packages lie
LEVEL = 1  # of gzip: libraries hardly get smaller by more
LOADED = """
import torch, torchvision
torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 9, 9))
print(*{line.split()[-1] for line in open("/proc/self/maps") if "/" in line}, sep="\\n")
"""


def pack(archive: Path, interpreter: str, cuda: bool = True) -> None:
    """A relocatable environment, *.tar.gz or, made and unpacked faster, *.tar: its python is a link to `interpreter`,
    which every node has at that path. Without `cuda`, the nodes have those of its libraries that torch loads."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    loaded = loaded_libraries() if cuda else set()
    archive.parent.mkdir(parents=True, exist_ok=True)
    with _opened(archive) as packed:
        _add_text(packed, "pyvenv.cfg", f"home = {Path(interpreter).parent}\ninclude-system-site-packages = false\n")
        for name in ("python", "python3", version):
            _add_link(packed, f"bin/{name}", interpreter)
        for owner in needed_distributions("facejoin"):
            for path, name in _files(owner):
                if not name.startswith(CUDA) or path.suffix == ".py" or path.resolve() in loaded:
                    packed.add(path, f"lib/{version}/site-packages/{name}", recursive=False)


def needed_distributions(name: str) -> list[Distribution]:
    """All that `name` needs to run, by name, but for what is left out."""
    found, wanted = set[tuple[str, str]](), {(name, "")}  # a package and one of its extras; "": the package itself
    while wanted - found:
        owner, extra = min(wanted - found)
        found.add((owner, extra))
        for asked in map(Requirement, requires(owner) or ()):
            if asked.marker is None or asked.marker.evaluate({"extra": extra}):
                wanted |= {(canonicalize_name(asked.name), one) for one in ("", *asked.extras)}
    return [distribution(owner) for owner in sorted({owner for owner, _ in found}) if owner not in LEFT_OUT]


def loaded_libraries() -> set[Path]:
    """Those that torch loads where it computes on a processor."""
    done = subprocess.run([sys.executable, "-c", LOADED], check=True, text=True, capture_output=True)
    return {Path(line).resolve() for line in done.stdout.splitlines()}


def _opened(archive: Path) -> tarfile.TarFile:
    if archive.suffix == ".gz":
        return tarfile.open(archive, "w:gz", compresslevel=LEVEL)
    return tarfile.open(archive, "w")


def _files(owner: Distribution) -> Iterator[tuple[Path, str]]:
    """(path, path below site-packages) of what it installed there."""
    for file in owner.files or ():
        path = Path(str(owner.locate_file(file)))
        if ".." not in file.parts and path.is_file():
            yield path, str(file)


def _add_text(packed: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text.encode()), 0o644
    packed.addfile(member, BytesIO(text.encode()))


def _add_link(packed: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    packed.addfile(member)


def _base_interpreter() -> str:
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="make environment", description=__doc__)
    options.add_argument("archive", type=Path, help="*.tar.gz, or *.tar, which is made and unpacked faster")
    options.add_argument("interpreter", nargs="?", default=_base_interpreter(), help="Python's path on the nodes")
    options.add_argument("--without-cuda", action="store_true", help="the nodes have what torch loads of it")
    given = options.parse_args()
    pack(given.archive, given.interpreter, not given.without_cuda)
