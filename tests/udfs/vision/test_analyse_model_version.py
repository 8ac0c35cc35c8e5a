"""Equal name, equal rows: what changes a result changes the version, and nothing else does."""

from typing import Any

import pytest

from facejoin.conf.settings import ComputeSettings, Settings, VisionSettings, YunetSettings
from facejoin.udfs.vision.analyse import model_version
from facejoin.udfs.vision.engines.weights import WEIGHTS

Changes = dict[str, dict[str, object]]  # stage → its settings
SFACE: Changes = {"embed": {"model": "sface"}}


def version(**vision: Any) -> str:
    return model_version(VisionSettings.model_validate(vision))


CHANGES: dict[str, Changes] = {
    "thresholds": {"detect": {"thresholds": [0.6, 0.7, 0.8]}},
    "min_face": {"detect": {"min_face": 21}},
    "max_candidates": {"detect": {"max_candidates": 200}},
    "scale_factor": {"detect": {"scale_factor": 0.7}},
    "min_score": {"detect": {"min_score": 0.95}},
    "detector": {"detect": {"model": "yunet"}},
    "yunet's min_face": {"detect": {"model": "yunet", "min_face": 21}},
    "yunet's min_score": {"detect": {"model": "yunet", "min_score": 0.95}},
    "landmarks": {"detect": {"model": "yunet", "landmarks": "own"}},
    "second_opinion": {"detect": {"model": "yunet", "second_opinion": 0.5}},
    "min_bytes": {"decode": {"min_bytes": 0}},
    "max_pixels": {"decode": {"max_pixels": 50_000_000}},
    "enough_pixels": {"decode": {"enough_pixels": 2_000_000}},
    "formats": {"decode": {"formats": ["JPEG", "PNG", "GIF", "WEBP"]}},
    "max_memory": {"decode": {"max_memory": 100_000_000}},
    "max_scans": {"decode": {"max_scans": 50}},
    "mirror": {"embed": {"model": "sface", "mirror": True}},
    "model": {"embed": {"model": "inception_resnet_v1"}},
    "weights": {"embed": {"model": "inception_resnet_v1", "weights": "casia-webface", "weights_sha256": "1" * 64}},
    "own weights": {"embed": {"model": "sface", "weights": "/own.onnx", "weights_sha256": "2" * 64}},
    "other own weights": {"embed": {"model": "sface", "weights": "/own.onnx", "weights_sha256": "3" * 64}},
}


def test_every_setting_that_changes_a_result_changes_the_version() -> None:
    versions = [version(**SFACE), *(version(**(SFACE | change)) for change in CHANGES.values())]
    assert len(set(versions)) == len(CHANGES) + 1


def test_no_setting_is_forgotten_here() -> None:
    stages = [*VisionSettings(), ("detect", YunetSettings())]
    settings = {(stage, name) for stage, own in stages for name in type(own).model_fields}
    changed = {(stage, name) for change in CHANGES.values() for stage, values in change.items() for name in values}
    assert settings - changed == {("embed", "batch")}


@pytest.mark.parametrize(
    "compute",
    [
        *({"device": "cpu"}, {"device": "cuda"}, {"runtime": "torch"}, {"precision": "float32"}),
        {"detect": {"device": "cpu"}, "embed": {"device": "cuda"}},
    ],
)
def test_what_the_networks_run_on_changes_no_version(compute: dict[str, object]) -> None:
    settings = Settings.model_validate({"compute": compute})
    assert settings.compute != ComputeSettings()
    assert model_version(settings.vision) == model_version(Settings().vision)


@pytest.mark.parametrize(
    "embed",
    [
        {"batch": 1},
        {"batch": 256},
        {"weights": "sface"},
        {"weights_sha256": WEIGHTS["sface"].sha256},
        {"weights": "/elsewhere/sface.onnx", "weights_sha256": WEIGHTS["sface"].sha256},
    ],
)
def test_the_size_of_a_batch_and_the_place_of_the_same_weights_do_not(embed: dict[str, object]) -> None:
    assert version(embed={"model": "sface"} | embed) == version(**SFACE)


def test_the_version_names_the_networks_for_a_reader() -> None:
    assert version(**SFACE).startswith("mtcnn-")
    assert ".sface-fb143eea." in version(**SFACE)
    assert ".inception_resnet_v1-281cebca." in version()
