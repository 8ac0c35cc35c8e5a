"""A gallery's audit: what is mislabelled is found, what is right is left alone, what cannot be known is not claimed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facejoin.udfs.recognition.audit.findings import BACKED, SHARP, TURNED, WITNESSES, AuditSet, audit

SAME_PERSON = 0.6
PEOPLE = np.eye(32)[:20]  # as unlike each other as can be


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def views(*people, seed=0):
    """One photo of each: of the persons numbered, in this order."""
    noise = 0.08 * np.random.default_rng(seed).normal(size=(len(people), 32))
    return unit(PEOPLE[list(people)] + noise)


def photos(folders, vectors=None, sharpness=None, yaw=None):
    """folders: name → numbers of the persons that its photos show."""
    shown = [person for persons in folders.values() for person in persons]
    owners = [row for row, persons in enumerate(folders.values()) for _ in persons]
    files = [f"{name}/{number}" for name, persons in folders.items() for number in range(len(persons))]
    usual = {"sharpness": np.full(len(shown), 150.0), "yaw": np.zeros(len(shown))}
    given = {"sharpness": sharpness, "yaw": yaw}
    quality = {name: usual[name] if values is None else np.array(values) for name, values in given.items()}
    vectors = views(*shown) if vectors is None else vectors
    return AuditSet(vectors, np.array(owners), tuple(folders), tuple(files), **quality)


def found(gallery, crop=112):
    """(kind, files, certain) of each finding."""
    return [(f.kind, f.files, f.certain) for f in audit(gallery, SAME_PERSON, crop)]


def test_a_gallery_in_order_has_no_findings():
    assert found(photos({"a": [0] * 4, "b": [1] * 2, "c": [2]})) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("each", [20, 5, 3])
def test_swapped_references_are_found_and_no_other_is_accused(make_crowd, each, seed):
    vectors, shown = make_crowd(40, seed=seed).photos(each, seed)
    rng = np.random.default_rng(seed)
    swapped = rng.choice(len(shown), max(2, len(shown) // 20), replace=False)
    owners = shown.copy()
    owners[swapped] = np.roll(shown[swapped], 1)
    files = tuple(f"{row}" for row in range(len(shown)))
    flat = np.full(len(shown), 100.0)
    gallery = AuditSet(vectors, owners, tuple(map(str, range(40))), files, flat, flat * 0)
    accused = {file for finding in audit(gallery, SAME_PERSON, 112) for file in finding.files if finding.certain}
    suspected = {
        f for finding in audit(gallery, SAME_PERSON, 112) if finding.kind == "mislabelled" for f in finding.files
    }
    wrong = {files[row] for row in np.flatnonzero(owners != shown)}
    assert accused <= wrong <= suspected
    if each > WITNESSES:
        assert suspected == wrong == accused


def test_a_reference_of_another_person_of_the_gallery_is_named_with_both_likenesses():
    (finding,) = audit(photos({"Ann": [0, 0, 1], "Bob": [1, 1]}), SAME_PERSON, 112)
    assert (finding.kind, finding.files, finding.people, finding.certain) == ("mislabelled", ("Ann/2",), ("Ann",), True)
    own, other = (float(word.strip(",")) for word in finding.reason.split() if word[0] == "0")
    assert own == pytest.approx(finding.score, abs=0.005)
    assert own < 0.2
    assert other > 0.7
    assert finding.reason.endswith("with Bob")


def test_two_references_of_one_other_person_do_not_hide_each_other():
    assert found(photos({"a": [0, 0, 0, 1, 1], "b": [1, 1]})) == [
        ("mislabelled", ("a/3",), True),
        ("mislabelled", ("a/4",), True),
    ]


def test_a_strangers_photo_is_certain_only_beside_enough_that_agree():
    for agreeing in (WITNESSES - 1, WITNESSES):
        gallery = photos({"a": [0] * agreeing + [9], "b": [1, 1], "c": [2, 2]})
        # turned a little towards b, or it would be a matter of chance whom it resembles more
        gallery.vectors[agreeing] = unit(PEOPLE[9] + 0.2 * PEOPLE[1])
        assert found(gallery) == [("mislabelled", (f"a/{agreeing}",), agreeing >= WITNESSES)]


def test_of_two_that_disagree_neither_is_accused_alone():
    (finding,) = audit(photos({"a": [0, 9], "b": [1, 1]}), SAME_PERSON, 112)
    assert (finding.files, finding.certain) == (("a/0", "a/1"), False)
    assert "which are wrong cannot be told" in finding.reason


def test_of_two_that_disagree_the_one_of_another_person_is_known():
    assert found(photos({"a": [0, 1], "b": [1] * BACKED})) == [("mislabelled", ("a/1",), True)]


def test_of_two_that_disagree_a_likeness_with_a_single_photo_is_a_hint_only():
    findings = audit(photos({"a": [0, 1], "b": [1]}), SAME_PERSON, 112)
    (finding,) = (finding for finding in findings if finding.kind == "mislabelled")
    assert finding.files == ("a/0", "a/1")
    assert not finding.certain
    assert "a/1 has 0." in finding.reason
    assert finding.reason.endswith("with b")


def test_halves_that_disagree_are_all_suspected_and_none_is_left_out():
    assert found(photos({"a": [0, 0, 9, 9], "b": [1, 1]})) == [("mislabelled", ("a/0", "a/1", "a/2", "a/3"), False)]


def test_swapped_pairs_of_two_people_are_not_decided():
    assert all(not certain for *_, certain in found(photos({"a": [0, 1], "b": [1, 0]})))


def test_nobody_loses_every_reference_where_everything_is_wrong():
    shown = np.random.default_rng(1).integers(20, size=60)
    gallery = photos({str(person): shown[3 * person : 3 * person + 3] for person in range(20)})
    out = {file for finding in audit(gallery, SAME_PERSON, 112) if finding.certain for file in finding.files}
    assert {file.split("/")[0] for file in gallery.files if file not in out} == set(gallery.people)


def test_of_single_references_only_those_of_one_face_are_remarked_on():
    gallery = photos({"a": [0], "b": [1], "c": [2]})
    assert found(gallery) == []
    gallery.vectors[2] = gallery.vectors[0]
    assert found(gallery) == [("same_face", ("a/0", "c/0"), False), ("look_alike", ("a/0", "c/0"), False)]


def test_one_person_under_two_names_is_said_to_be_perhaps_one():
    gallery = photos({"a": [0] * 4, "b": [0] * 4, "c": [1] * 4})
    (pair,) = (finding for finding in audit(gallery, SAME_PERSON, 112) if finding.kind == "look_alike")
    assert pair.people == ("a", "b")
    assert pair.reason.endswith("perhaps they are one person")


def test_siblings_are_look_alikes_in_a_gallery_of_people_that_differ():
    vectors = views(*np.repeat(range(20), 3))
    vectors[3:6] = unit(vectors[3:6] + 0.7 * PEOPLE[0])
    pair, *_ = audit(photos({str(person): [person] * 3 for person in range(20)}, vectors), SAME_PERSON, 112)
    assert (pair.kind, pair.people) == ("look_alike", ("0", "1"))
    assert "one person" not in pair.reason
    assert pair.files[0].startswith("0/")
    assert pair.files[1].startswith("1/")


def test_blurred_and_turned_references_are_warnings():
    gallery = photos({"a": [0] * 4}, sharpness=[SHARP - 1, SHARP, 99, 99], yaw=[0, 0, -TURNED - 1, TURNED])
    assert found(gallery) == [("low_quality", ("a/0",), False), ("low_quality", ("a/2",), False)]
    assert found(gallery, crop=160) == [("low_quality", ("a/2",), False)]  # the same blur is smoother there


def test_one_person_alone_can_be_audited_but_never_with_certainty():
    assert found(photos({"a": [0]})) == []
    assert found(photos({"a": [0, 0, 0, 9]})) == [("mislabelled", ("a/3",), False)]


@settings(max_examples=40, deadline=None)
@given(shown=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=6), data=st.data())
def test_findings_do_not_depend_on_the_order_of_the_photos(shown, data):
    gallery = photos({str(person): persons for person, persons in enumerate(shown)})
    order = np.array(data.draw(st.permutations(range(len(gallery.files)))))
    files = tuple(gallery.files[row] for row in order)
    flat = gallery.sharpness
    shuffled = AuditSet(gallery.vectors[order], gallery.owners[order], gallery.people, files, flat, flat * 0)
    assert as_set(audit(shuffled, SAME_PERSON, 112)) == as_set(audit(gallery, SAME_PERSON, 112))


def as_set(findings):
    return {(f.kind, frozenset(f.files), frozenset(f.people), f.certain, round(f.score, 3)) for f in findings}


@settings(max_examples=40, deadline=None)
@given(shown=st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=5), min_size=1, max_size=12))
def test_everyone_keeps_a_reference_and_every_finding_has_a_score_and_a_reason(shown):
    gallery = photos({str(person): persons for person, persons in enumerate(shown)})
    findings = audit(gallery, SAME_PERSON, 112)
    out = {file for finding in findings if finding.certain for file in finding.files}
    assert {file.split("/")[0] for file in gallery.files if file not in out} == set(gallery.people)
    for finding in findings:
        assert finding.files
        assert set(finding.files) <= set(gallery.files)
        assert np.isfinite(finding.score)
        assert finding.reason
