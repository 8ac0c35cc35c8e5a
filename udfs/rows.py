"""What was found in a photo, as columns of `results`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from facejoin.udfs.vision.analyse import Analysis, Face

Row = dict[str, Any]


def analysis_columns(analysis: Analysis) -> Row:
    """status, error, width, height, exif, and faces: null where there are none."""
    return {
        "status": analysis.status,
        "error": analysis.error,
        "width": analysis.width,
        "height": analysis.height,
        "exif": None if analysis.exif is None else asdict(analysis.exif),
        "faces": [_face_columns(face) for face in analysis.faces] or None,
    }


def analysis_row(analysis: Analysis) -> Row:
    """The same with the seconds of each step."""
    return analysis_columns(analysis) | {"seconds": analysis.seconds}


def _face_columns(face: Face) -> Row:
    return {
        "box": face.box,
        "landmarks": face.landmarks.ravel(),
        "score": face.score,
        "size": face.size,
        "sharpness": face.quality.sharpness,
        "yaw": face.quality.yaw,
        "pitch": face.quality.pitch,
        "roll": face.quality.roll,
        "embedding": face.embedding,
        "mirrored": face.mirrored,
    }
