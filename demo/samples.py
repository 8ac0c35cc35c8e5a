"""Sample photos of the demo: official portraits and pictures without faces, out of two published packages.

Their terms are in NOTICE.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from facejoin.jobs.downloads.packages import Package, fetch_files

PACKAGES = (
    Package(
        requirement="face_recognition==1.3.0",
        # The source distribution: only that has the photos
        sha256="5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        inside="face_recognition-1.3.0/tests/test_images",
        files={
            "biden.jpg": "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
            "obama.jpg": "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
            "obama2.jpg": "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
            "obama3.jpg": "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        },
    ),
    Package(
        requirement="scikit-image==0.26.0",
        # One platform's wheel for everybody: only its photos are read
        sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
        inside="skimage/data",
        files={
            "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
            "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
            "clock_motion.png": "f029226b28b642e80113d86622e9b215ee067a0966feaf5e60604a1e05733955",
            "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
            "coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
            "grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
            "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
            "hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
            "ihc.png": "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
            "moon.png": "78739619d11f7eb9c165bb5d2efd4772cee557812ec847532dbb1d92ef71f577",
            "retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
            "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        },
    ),
)

SCENES = (  # no face in any of them
    *("brick.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png", "grass.png", "gravel.png"),
    *("hubble_deep_field.jpg", "ihc.png", "moon.png", "retina.jpg", "rocket.jpg"),
)


@dataclass(frozen=True)
class Samples:
    """The verified sample photos, one file each in `folder`."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name


def copy_scenes(samples: Samples, folder: Path) -> None:
    """The photos without faces alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCENES:
        shutil.copyfile(samples.path(name), folder / name)


def fetch_samples(cache: Path) -> Samples:
    """The sample photos in `cache`/samples, downloaded where one is missing or damaged. Raises PackageError."""
    folder = Path(cache).expanduser() / "samples"
    fetch_files(PACKAGES, folder)
    return Samples(folder)
