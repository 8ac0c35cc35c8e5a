"""What enrolling does with the audit's findings, without Spark."""

from dataclasses import replace

import numpy as np
import pytest

from facejoin.cli import reports as show
from facejoin.conf.settings import load_settings
from facejoin.jobs.gallery.audited import audited
from facejoin.jobs.gallery.reference_photos import ReferencePhoto
from facejoin.jobs.store.errors import JobError

EMBEDDER = load_settings().vision.embed


def reference(person, number, shown):
    """A photo that shows the person of that number."""
    vector = np.eye(128)[shown] + 0.02 * np.random.default_rng(number).normal(size=128)
    embedding = (vector / np.linalg.norm(vector)).tolist()
    return ReferencePhoto(
        person, f"{person}/{number}", f"{person}{number}", "used", sharpness=100.0, yaw=0.0, embedding=embedding
    )


def gallery(**folders):
    return [reference(person, number, shown) for person, all in folders.items() for number, shown in enumerate(all)]


def test_nothing_changes_where_nothing_is_found():
    references = gallery(a=[0, 0], b=[1])
    assert audited(references, EMBEDDER, strict=False) == (references, ())
    assert audited(references, EMBEDDER, strict=True) == (references, ())


def test_a_certain_finding_takes_the_reference_out_and_a_suspicion_stays_as_its_detail():
    references, findings = audited(gallery(a=[0, 0, 1], b=[1, 1], c=[2, 3]), EMBEDDER, strict=False)
    marked = {reference.file: reference for reference in references}
    assert marked["a/2"].verdict == "mislabelled"
    assert marked["a/2"].embedding is None
    assert marked["a/2"].detail == findings[0].reason
    for file in ("c/0", "c/1"):
        assert marked[file].verdict == "used"
        assert (marked[file].detail or "").startswith("mislabelled: likeness")
    assert marked["a/0"].detail is None
    assert marked["a/0"].embedding is not None


def test_a_photo_that_is_not_usable_takes_no_part():
    blank = ReferencePhoto("a", "a/9", "x", "no_face")
    references, findings = audited([blank, *gallery(a=[0], b=[1])], EMBEDDER, strict=False)
    assert references[0] == blank
    assert findings == ()
    assert audited([blank], EMBEDDER, strict=False) == ([blank], ())


def test_one_file_in_two_folders_is_found_though_its_copy_is_not_used():
    first, second = gallery(a=[0], b=[1])
    copy = replace(first, person="b", file="b/copy", verdict="duplicate", embedding=None)
    references, (finding,) = audited([first, copy, second], EMBEDDER, strict=False)
    assert (finding.kind, finding.files, finding.people) == ("same_face", ("a/0", "b/copy"), ("a", "b"))
    assert references[0].detail == f"same_face: {finding.reason}"
    assert references[1] == copy


def test_strict_names_the_first_findings_and_how_many_there_are():
    with pytest.raises(JobError) as raised:
        audited(gallery(a=[0, 0, 1], b=[1, 1, 2], c=[2, 2, 3], d=[3, 3, 4], e=[4, 4]), EMBEDDER, strict=True)
    line = str(raised.value)
    assert line.startswith("the gallery's audit has 4 findings, and strict refuses any: a/2: mislabelled (likeness")
    assert "c/2" in line
    assert "d/2" not in line
    assert line.endswith("; and 1 more")


def test_warnings_are_shown_and_what_is_left_out_is_not_shown_twice(capsys):
    finding = {"kind": "mislabelled", "files": ["a/1", "a/2"], "reason": "because", "certain": False}
    show._audit([finding | {"certain": True}] + [finding] * (show.MOST_FINDINGS + 2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  audit: mislabelled: a/1 and a/2: because"
    assert len(lines) == show.MOST_FINDINGS + 1
    assert lines[-1].startswith("  and 2 more findings")
