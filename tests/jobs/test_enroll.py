"""Gallery folder → references, people and a model; every photo that is not used is named with its reason."""

import shutil
from importlib.resources import files

import numpy as np
import pytest
from named_photos import MIRRORED_BIDEN, OBAMA, PEOPLE
from PIL import ImageEnhance, ImageOps

from facejoin.conf import schemas
from facejoin.conf.settings import SettingsError
from facejoin.jobs.enroll import enroll
from facejoin.jobs.gallery.nonface_vectors import DELIVERED
from facejoin.jobs.match import match
from facejoin.jobs.store.errors import JobError
from facejoin.jobs.store.galleries import stored_gallery
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.recognition.gallery import load_gallery
from facejoin.udfs.recognition.nonface_filter import CLUSTERS
from facejoin.udfs.recognition.tail import FEWEST
from facejoin.udfs.recognition.training.kinds import CLASSIFIERS
from facejoin.udfs.vision.analyse import model_version, networks_version

GALLERY_TABLES = ("references", "people", "gallery_models", "runs")


@pytest.fixture(scope="module")
def nothing(spark, tmp_path_factory):
    """A warehouse in which nothing must ever be."""
    return Warehouse(spark, str(tmp_path_factory.mktemp("nothing")))


def test_every_photo_that_is_not_used_is_reported_with_its_reason(campaign, enrolled):
    reasons = {photo["file"]: photo["verdict"] for photo in enrolled.unused}
    assert reasons == {
        "Barack_Obama/b.jpg": "duplicate",
        "Barack_Obama/broken.jpg": "corrupt",
        "Barack_Obama/group #2.jpg": "several_faces",
        "Barack_Obama/none.jpg": "no_face",
        "Barack_Obama/tiny.jpg": "too_small",
    }
    details = {photo["verdict"]: photo["detail"] for photo in enrolled.unused}
    assert details["duplicate"] == "the same file as Barack_Obama/a.jpg"
    assert details["several_faces"] == "2 faces, none clearly the largest"
    assert "at least 40 expected" in details["too_small"]


def test_the_tables_hold_every_photo_every_person_and_one_model(campaign, enrolled):
    references = {row["file"]: row for row in campaign.warehouse.read("references").collect()}
    assert len(references) == 8 == enrolled.references + len(enrolled.unused)
    for row in references.values():
        assert (row["verdict"] == "used") == (row["embedding"] is not None)
        assert row["gallery"] == enrolled.gallery
    people = campaign.warehouse.read("people").orderBy("person").collect()
    assert [(row["person"], row["references"]) for row in people] == [(person, 1) for person in PEOPLE]
    assert [row["profile_picture"] for row in people] == [
        "Barack_Obama/a.jpg", "Eileen_Collins/astronaut.jpg", "Joe_Biden/biden.jpg",
    ]  # fmt: skip
    assert campaign.warehouse.read("people").schema.names == schemas.PEOPLE.names


def test_the_model_is_read_back_as_it_was_trained(campaign, enrolled):
    digest, stored = stored_gallery(campaign.warehouse, model_version(campaign.settings.vision))
    gallery = load_gallery(*stored)
    assert digest == enrolled.gallery == gallery.digest
    assert list(gallery.parameters.people) == [*PEOPLE]
    assert gallery.parameters.threshold == enrolled.threshold


def test_enrolling_again_changes_nothing(spark, campaign, enrolled, versions):
    before = versions(campaign.warehouse, GALLERY_TABLES)
    again = enroll(spark, campaign.warehouse, campaign.settings, campaign.gallery)
    assert again.already_enrolled
    assert vars(again) | {"already_enrolled": False} == vars(enrolled)
    assert versions(campaign.warehouse, GALLERY_TABLES) == before


def test_another_gallery_stands_beside_the_first_and_the_one_enrolled_last_counts(
    spark, campaign, enrolled, copy_of, make_settings, gallery_folder, tmp_path
):
    copy, folder = copy_of(campaign), tmp_path / "gallery"
    for person, first, second in (("Ann", "Barack_Obama/a", "Eileen_Collins/astronaut"),):
        (folder / person).mkdir(parents=True)
        shutil.copy(gallery_folder / f"{first}.jpg", folder / person / "1.jpg")
        shutil.copy(gallery_folder / f"{second}.jpg", folder / person / "2.JPeG")
    (folder / "Bob").mkdir()
    shutil.copy(gallery_folder / "Joe_Biden/biden.jpg", folder / "Bob" / "1.jpg")
    report = enroll(spark, copy.warehouse, copy.settings, str(folder))
    assert report.gallery != enrolled.gallery
    assert report.references == 3
    found = {row["gallery"] for row in copy.warehouse.read("people").collect()}
    assert found == {report.gallery, enrolled.gallery}
    assert stored_gallery(copy.warehouse, model_version(copy.settings.vision))[0] == report.gallery
    back = enroll(spark, copy.warehouse, copy.settings, copy.gallery)
    assert back.gallery == enrolled.gallery
    assert not back.already_enrolled
    assert stored_gallery(copy.warehouse, model_version(copy.settings.vision))[0] == enrolled.gallery
    with pytest.raises(JobError, match=r"cannot enrol as svm_rbf: .* two references a person; too few: Bob"):
        enroll(spark, copy.warehouse, make_settings(enroll__kind="svm_rbf"), str(folder))


def test_a_person_without_a_usable_photo_is_named_and_nothing_is_written(
    spark, campaign, nothing, gallery_folder, tmp_path
):
    for name in ("none.jpg", "tiny.jpg"):
        (tmp_path / "Nobody_Usable").mkdir(exist_ok=True)
        shutil.copy(gallery_folder / "Barack_Obama" / name, tmp_path / "Nobody_Usable" / name)
    (tmp_path / "Joe_Biden").mkdir()
    shutil.copy(gallery_folder / "Joe_Biden/biden.jpg", tmp_path / "Joe_Biden/biden.jpg")
    with pytest.raises(JobError) as raised:
        enroll(spark, nothing, campaign.settings, str(tmp_path))
    assert str(raised.value) == (
        "no usable photo of Nobody_Usable (Nobody_Usable/none.jpg: no_face, Nobody_Usable/tiny.jpg: too_small)"
    )
    assert all(nothing.read(table).isEmpty() for table in GALLERY_TABLES)


def test_a_persons_folder_without_any_picture_is_an_error(spark, campaign, nothing, gallery_folder, tmp_path):
    shutil.copytree(gallery_folder / "Joe_Biden", tmp_path / "Joe_Biden")
    (tmp_path / "Nobody").mkdir()
    with pytest.raises(JobError, match="no usable photo of Nobody: the folder holds no picture"):
        enroll(spark, nothing, campaign.settings, str(tmp_path))
    assert nothing.read("gallery_models").isEmpty()


def test_a_gallery_that_is_none_is_a_setting_that_cannot_work(spark, campaign, nothing, gallery_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "flat").mkdir()
    shutil.copy(gallery_folder / "Joe_Biden/biden.jpg", tmp_path / "flat" / "biden.jpg")
    for name in ("missing", "empty", "flat"):
        with pytest.raises(SettingsError, match=f"gallery (at )?{tmp_path}/{name}"):
            enroll(spark, nothing, campaign.settings, str(tmp_path / name))


@pytest.fixture
def swapped_folder(portrait, tmp_path):
    """Obama, and Biden with one photo of his own and one of Obama's."""
    folder = tmp_path / "swapped"
    photos = {"Barack_Obama": ("obama.jpg", "obama2.jpg"), "Joe_Biden": ("biden.jpg", "obama3.jpg")}
    for person, names in photos.items():
        (folder / person).mkdir(parents=True)
        for name in names:
            portrait(name).save(folder / person / name, quality=95)
    return str(folder)


def test_a_photo_of_somebody_else_is_left_out_and_reported(
    spark, campaign, enrolled, copy_of, swapped_folder, versions
):
    copy = copy_of(campaign)
    report = enroll(spark, copy.warehouse, copy.settings, swapped_folder)
    (finding,) = report.audit
    assert (finding["kind"], finding["files"], finding["people"], finding["certain"]) == (
        "mislabelled", ["Joe_Biden/obama3.jpg"], ["Joe_Biden"], True,
    )  # fmt: skip
    assert 0 < finding["score"] < 0.363
    assert finding["reason"].endswith("with Barack_Obama")
    assert report.references == 3
    assert [photo["verdict"] for photo in report.unused] == ["mislabelled"]
    row = copy.warehouse.read("references").where(f"gallery = '{report.gallery}' and verdict = 'mislabelled'").first()
    assert (row["file"], row["detail"], row["embedding"]) == ("Joe_Biden/obama3.jpg", finding["reason"], None)
    assert row["sharpness"] > 0
    assert None not in (row["yaw"], row["pitch"], row["roll"])
    before = versions(copy.warehouse, GALLERY_TABLES)
    again = enroll(spark, copy.warehouse, copy.settings, swapped_folder)
    assert again.already_enrolled
    assert again.audit == report.audit
    assert versions(copy.warehouse, GALLERY_TABLES) == before


def test_strict_refuses_a_gallery_with_findings_and_writes_nothing(spark, nothing, make_settings, swapped_folder):
    with pytest.raises(JobError) as raised:
        enroll(spark, nothing, make_settings(enroll__strict=True), swapped_folder)
    line = str(raised.value)
    assert line.startswith("the gallery's audit has 1 finding, and strict refuses any: Joe_Biden/obama3.jpg: mislab")
    assert all(nothing.read(table).isEmpty() for table in GALLERY_TABLES)


def test_strict_enrols_a_gallery_without_findings(spark, campaign, enrolled, copy_of, make_settings):
    copy = copy_of(campaign)
    report = enroll(spark, copy.warehouse, make_settings(enroll__strict=True), copy.gallery)
    assert report.gallery == enrolled.gallery
    assert report.audit == []


def last_gallery(warehouse, settings):
    return load_gallery(*stored_gallery(warehouse, model_version(settings.vision))[1])


@pytest.fixture(scope="module")
def three_each(portrait, tmp_path_factory):
    """Obama with three photos, Biden with three versions of one."""
    folder = tmp_path_factory.mktemp("three_each")
    biden = portrait("biden.jpg")
    photos = {f"Barack_Obama/{name}": portrait(name) for name in ("obama.jpg", "obama2.jpg", "obama3.jpg")}
    photos |= {"Joe_Biden/1.jpg": biden, "Joe_Biden/2.jpg": ImageOps.mirror(biden)}
    photos["Joe_Biden/3.jpg"] = ImageEnhance.Brightness(biden).enhance(0.8)
    for name, photo in photos.items():
        (folder / name).parent.mkdir(exist_ok=True)
        photo.save(folder / name, quality=95)
    return str(folder)


@pytest.mark.parametrize(
    "kind", ["gaussian_nb", *(pytest.param(k, marks=pytest.mark.slow) for k in CLASSIFIERS if k != "gaussian_nb")]
)
def test_a_gallery_of_each_kind_of_classifier_is_enrolled_read_back_and_matched(
    spark, campaign, matched, copy_of, make_settings, three_each, kind
):
    copy, settings = copy_of(campaign), make_settings(enroll__kind=kind)
    report = enroll(spark, copy.warehouse, settings, three_each)
    assert (report.kind, report.people, report.references) == (kind, 2, 6)
    assert report.threshold_from.startswith("mean confidence of held-out references: too few people")
    gallery = last_gallery(copy.warehouse, settings)
    assert gallery.digest == report.gallery
    assert np.array_equal(gallery.scorer.classifier.predict(gallery.references), gallery.owners)
    again = match(spark, copy.warehouse, make_settings(match__threshold=0.5))
    rows = copy.warehouse.read("matches").where(f"gallery = '{report.gallery}'").collect()
    found = {(row["photo_id"], row["person"]) for row in rows}
    assert {(OBAMA.photo_id, "Barack_Obama"), (MIRRORED_BIDEN.photo_id, "Joe_Biden")} <= found
    assert again.false_matches is None
    assert again.matches == len(found)


@pytest.fixture
def cohort_folder(portrait, tmp_path):
    """(number) → so many photos of one stranger, each a little darker than the one before."""

    def make(number):
        folder = tmp_path / f"cohort{number}" / "Eileen_Collins"
        folder.mkdir(parents=True)
        photo = portrait("astronaut.png", 240)
        for position in range(number):
            dark = ImageEnhance.Brightness(photo).enhance(1 - 0.008 * position)
            dark.save(folder / f"{position}.jpg", quality=90)
        return str(folder.parent)

    return make


def test_a_cohort_that_is_missing_empty_or_too_small_is_a_setting_that_cannot_work(
    spark, nothing, make_settings, three_each, cohort_folder, tmp_path
):
    (tmp_path / "empty").mkdir()
    small = cohort_folder(1)
    for cohort, message in (
        (str(tmp_path / "missing"), f"^there is no folder {tmp_path}/missing$"),
        (str(tmp_path / "empty"), f"^no photo in {tmp_path}/empty: expected .*/Person_Name/"),
        (small, f"^1 faces in the cohort {small}: at least {FEWEST} strangers' expected$"),
    ):
        with pytest.raises(SettingsError, match=message):
            enroll(spark, nothing, make_settings(enroll__cohort=cohort), three_each)
    assert all(nothing.read(table).isEmpty() for table in GALLERY_TABLES)


def test_somebody_of_the_gallery_is_no_stranger(spark, nothing, make_settings, three_each):
    with pytest.raises(SettingsError, match=r"^Barack_Obama of the cohort .* is in the gallery, so no stranger$"):
        enroll(spark, nothing, make_settings(enroll__cohort=three_each), three_each)


def test_a_cohort_is_whom_the_gallery_knows_as_strangers(
    spark, campaign, matched, copy_of, make_settings, three_each, cohort_folder
):
    copy, settings = copy_of(campaign), make_settings(enroll__cohort=cohort_folder(FEWEST))
    report = enroll(spark, copy.warehouse, settings, three_each)
    assert report.threshold_from == ("published by the embedder; 50 faces of the cohort are too few for one of its own")
    impostors = last_gallery(copy.warehouse, settings).impostors
    assert len(impostors) == FEWEST
    assert set(impostors.groups) == {0}
    assert enroll(spark, copy.warehouse, settings, three_each).already_enrolled
    assert not enroll(spark, copy.warehouse, make_settings(), three_each).already_enrolled
    back = enroll(spark, copy.warehouse, settings, three_each)
    assert back.gallery == report.gallery
    assert not back.already_enrolled
    matched_now = match(spark, copy.warehouse, make_settings(match__fpir=0.01))
    assert matched_now.gallery == report.gallery
    assert matched_now.false_matches is not None
    assert matched_now.false_matches.expected == pytest.approx(0.01 * matched_now.faces)


def test_a_folder_of_photos_without_faces_gives_the_gallery_a_filter(
    spark, campaign, enrolled, copy_of, make_settings, portrait, tmp_path
):
    for name in ("grass.png", "gravel.png", "coffee.png", "astronaut.png"):
        portrait(name).save(tmp_path / name)
    copy, settings = copy_of(campaign), make_settings(enroll__nonfaces=str(tmp_path))
    report = enroll(spark, copy.warehouse, settings, copy.gallery)
    assert report.nonface_photos == 3
    assert report.gallery != enrolled.gallery
    assert [photo["verdict"] for photo in report.unused_nonface_photos] == ["faces"]
    assert last_gallery(copy.warehouse, settings).nonfaces.radii.shape == (CLUSTERS,)
    portrait("grass.png").rotate(90).save(tmp_path / "grass.png")
    assert not enroll(spark, copy.warehouse, settings, copy.gallery).already_enrolled


@pytest.mark.parametrize("how", ["delivered", pytest.param("a file", marks=pytest.mark.slow)])
def test_vectors_that_were_made_before_give_the_gallery_a_filter(
    spark, campaign, enrolled, copy_of, make_settings, tmp_path, how
):
    given, own = "delivered", networks_version(campaign.settings.vision)
    assert own in DELIVERED
    if how == "a file":
        given = str(tmp_path / "mine.npz")
        delivered = files("facejoin.jobs.gallery") / "nonfaces" / f"{own}.npz"
        (tmp_path / "mine.npz").write_bytes(delivered.read_bytes())
    copy, settings = copy_of(campaign), make_settings(enroll__nonfaces=given)
    report = enroll(spark, copy.warehouse, settings, copy.gallery)
    assert (report.nonface_photos, report.unused_nonface_photos) == (12, [])
    gallery = last_gallery(copy.warehouse, settings)
    assert gallery.nonfaces.radii.shape == (CLUSTERS,)
    assert not gallery.nonfaces.is_nonface(gallery.references, np.full(3, 0.6)).any()
    assert enroll(spark, copy.warehouse, settings, copy.gallery).already_enrolled


def test_without_a_filter_no_photo_of_no_face_is_asked_for(campaign, enrolled):
    assert campaign.settings.enroll.nonfaces == "none"
    assert enrolled.nonface_photos == 0
    assert last_gallery(campaign.warehouse, campaign.settings).nonfaces is None


def test_a_folder_without_such_photos_cannot_work(spark, nothing, make_settings, three_each, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, message in (("missing", "^there is no folder "), ("empty", "is empty: expected pictures without faces$")):
        with pytest.raises(SettingsError, match=message):
            enroll(spark, nothing, make_settings(enroll__nonfaces=str(tmp_path / name)), three_each)
    assert nothing.read("gallery_models").isEmpty()
