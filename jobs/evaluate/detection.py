"""The crawl's own detector on photos whose faces are known: how many it finds, and how often it sees one in error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import Row, SparkSession

from facejoin.conf.settings import NetworkSettings, SettingsError
from facejoin.jobs.evaluate.measures.detection import Counts, counts
from facejoin.jobs.evaluate.measures.intervals import Interval, share, wilson
from facejoin.jobs.evaluate.truth import PhotoTruth, Size
from facejoin.jobs.folders.faces import found_faces
from facejoin.jobs.folders.pictures import Picture, pictures
from facejoin.udfs.vision.analyse import model_version


@dataclass(frozen=True)
class DetectionReport:
    """Sizes are those of the truth file's pixels. A detection and a true face are matched one to one where they
    overlap by half of their union, whatever their sizes (`measures/detection.py`)."""

    recall: float | None  # share of the true faces of at least min_size that were found; null: there is none
    precision: float | None  # share of the detections of at least min_size that are true faces; null: there is none
    false_alarm_photos: int  # photos without any true face in which something was detected
    faces: int  # true ones of at least min_size
    photos: int
    recall_95: Interval | None  # Wilson's
    precision_95: Interval | None
    min_size: int  # shorter side in pixels
    found: int  # of `faces`
    detections: int  # of at least min_size
    right: int  # of these
    photos_without_faces: int  # as the truth has it
    statuses: dict[str, int]  # photos by outcome
    model_version: str


def evaluate_detection(
    spark: SparkSession, networks: NetworkSettings, images: str, truth: Sequence[PhotoTruth], min_size: int
) -> DetectionReport:
    """Raises SettingsError where a photo is missing below `images` or has another shape than the truth says, or where
    `min_size` is below 1; WeightsError."""
    refuse_no_size(min_size)
    files = _files(pictures(spark, images), truth, images)
    rows = found_faces(spark, networks, images, files, "detection")
    enough = networks.vision.decode.enough_pixels
    found = (_boxes(row, photo, enough) for row, photo in zip(rows, truth, strict=True))
    total = sum((counts(photo.array(), boxes, min_size) for photo, boxes in zip(truth, found, strict=True)), Counts())
    statuses = Counter(row["status"] for row in rows)
    return _report(total, truth, min_size, statuses, model_version(networks.vision))


def refuse_no_size(min_size: int) -> None:
    if min_size < 1:
        raise SettingsError(f"expected a smallest size of 1 pixel or more, got {min_size}")


def _files(found: Sequence[Picture], truth: Sequence[PhotoTruth], images: str) -> list[Picture]:
    by_name = {picture.below: picture for picture in found}
    if missing := [photo.name for photo in truth if photo.name not in by_name]:
        raise SettingsError(f"no photo {missing[0]} in {images}; missing: {len(missing)} of {len(truth)} photos")
    return [by_name[photo.name] for photo in truth]


def _boxes(row: Row, photo: PhotoTruth, enough_pixels: int) -> np.ndarray:
    """Detections (n, 4) in the truth's pixels, which large photos are decoded to fewer than."""
    if row["width"] is None:  # not decoded
        return np.zeros((0, 4))
    boxes = np.array([face["box"] for face in row["faces"] or []], dtype=np.float64).reshape(-1, 4)
    decoded = (row["width"], row["height"])
    return boxes * np.tile(np.divide(_size(photo, decoded, enough_pixels), decoded), 2)


def _size(photo: PhotoTruth, decoded: Size, enough_pixels: int) -> Size:
    """Width and height of the photo that the truth's boxes are in."""
    if photo.size is None:
        if photo.boxes and decoded[0] * decoded[1] >= enough_pixels:
            raise SettingsError(f"{photo.name} may be decoded at a scale: the truth has to say its width and height")
        return decoded
    (width, height), (true_width, true_height) = decoded, photo.size
    if abs(width * true_height - height * true_width) > max(photo.size):  # by more than the rounding of a scale
        raise SettingsError(f"{photo.name} is {width} x {height} pixels; the truth says {true_width} x {true_height}")
    return photo.size


def _report(
    total: Counts, truth: Sequence[PhotoTruth], min_size: int, statuses: Mapping[str, int], version: str
) -> DetectionReport:
    return DetectionReport(
        recall=share(total.found, total.faces),
        precision=share(total.right, total.detections),
        false_alarm_photos=total.false_alarms,
        faces=total.faces,
        photos=len(truth),
        recall_95=wilson(total.found, total.faces),
        precision_95=wilson(total.right, total.detections),
        min_size=min_size,
        found=total.found,
        detections=total.detections,
        right=total.right,
        photos_without_faces=sum(not photo.boxes for photo in truth),
        statuses=dict(sorted(statuses.items())),
        model_version=version,
    )
