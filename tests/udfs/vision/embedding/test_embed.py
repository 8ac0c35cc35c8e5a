"""The table of embedders: what has to hold of each."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.embedding.embed import EMBEDDERS
from facejoin.udfs.vision.engines.weights import WEIGHTS


def test_the_table_has_the_names_that_the_settings_allow() -> None:
    assert set(EMBEDDERS) == set(get_args(EmbedSettings.model_fields["model"].annotation))
    assert all(kind.default_weights in WEIGHTS for kind in EMBEDDERS.values())


@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_template_lies_within_its_crop_as_a_face_does(name: str) -> None:
    kind = EMBEDDERS[name]
    assert kind.template.shape == (5, 2)
    assert (kind.template > 0).all()
    assert (kind.template < kind.size).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = kind.template
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("name", EMBEDDERS)
def test_an_embedders_network_takes_crops_of_its_size_and_gives_vectors_of_its_length(
    name: str, sface_weights: Path, inception: EmbedSettings
) -> None:
    kind = EMBEDDERS[name]
    network = kind.load({"sface": sface_weights, "inception_resnet_v1": Path(str(inception.weights))}[name])
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, kind.size, kind.size)).shape == (1, kind.dimensions)
