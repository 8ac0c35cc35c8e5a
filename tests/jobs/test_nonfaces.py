"""Photos without faces → a file of vectors, by the command."""

import hashlib
import json

import numpy as np
import pytest

from facejoin.conf.settings import SettingsError, load_settings
from facejoin.jobs.gallery.nonface_vectors import nonface_vectors
from facejoin.jobs.nonfaces import nonfaces

NETWORKS = load_settings().networks


@pytest.fixture
def folder(portrait, tmp_path):
    """One photo without a face, at a depth, and one with."""
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    portrait("grass.png").save(tmp_path / "photos" / "deep" / "grass.png")
    portrait("astronaut.png").save(tmp_path / "photos" / "astronaut.png")
    return tmp_path / "photos"


def test_the_command_writes_the_file_that_enroll_reads_and_says_what_is_in_it(spark, facejoin, folder, tmp_path):
    file, out = tmp_path / "new" / "mine.npz", tmp_path / "report.json"
    status, printed, _ = facejoin("nonfaces", folder, file, "--out", out)
    assert status == 0
    report = json.loads(out.read_text())
    read = nonface_vectors(spark, NETWORKS, str(file))
    assert read is not None
    assert (report["vectors"], report["photos"], report["embedder"]) == (len(read.vectors), 1, read.embedder)
    assert report["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert [photo["verdict"] for photo in report["unused"]] == ["faces"]
    of_folder = nonface_vectors(spark, NETWORKS, str(folder))
    assert of_folder is not None
    assert np.allclose(np.sum(read.vectors * of_folder.vectors, axis=1), 1, atol=1e-4)
    lines = printed.splitlines()
    assert lines[:2] == [
        f"{file}: {len(read.vectors)} vectors of 1 photos, for {read.embedder}",
        f"  SHA-256 {report['sha256']}",
    ]
    assert lines[2].startswith("  not used as a photo without faces: ")
    assert "astronaut.png: faces" in lines[2]


def test_a_file_that_enroll_would_not_take_for_vectors_is_refused_before_any_work(tmp_path):
    with pytest.raises(SettingsError, match=r"^expected a file \*\.npz for the vectors, got .*mine\.txt$"):
        nonfaces(None, NETWORKS, str(tmp_path), tmp_path / "mine.txt")  # type: ignore[arg-type]  # before any work
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(spark, folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match=r"^the file .*mine\.npz cannot be written: Not a directory$"):
        nonfaces(spark, NETWORKS, str(folder), tmp_path / "file" / "deep" / "mine.npz")
