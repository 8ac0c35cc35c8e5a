import hashlib
from pathlib import Path
from typing import Literal

import pytest

from facejoin.conf.settings import EmbedSettings
from facejoin.udfs.vision.analyse import weights_file
from facejoin.udfs.vision.engines.errors import WeightsError
from facejoin.udfs.vision.engines.weights import WEIGHTS, find_weights

CONTENT = b"some weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.pt"
    path.write_bytes(CONTENT)
    return path


def message(name: str, sha256: str | None, *folders: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        find_weights(name, sha256, folders)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_known_weights_are_found_in_the_first_folder_that_has_them(tmp_path: Path, sface_weights: Path) -> None:
    assert find_weights("sface", None, (tmp_path, sface_weights.parent)) == sface_weights


def test_missing_weights_are_named_with_the_places_and_the_command(tmp_path: Path) -> None:
    says = message("sface", None, tmp_path / "a", tmp_path / "b")
    assert "`facejoin weights sface`" in says
    for folder in ("a", "b"):
        assert str(tmp_path / folder / WEIGHTS["sface"].file) in says


def test_known_weights_with_another_hash_are_refused_with_both_hashes(tmp_path: Path) -> None:
    known = WEIGHTS["sface"]
    (tmp_path / known.file).write_bytes(CONTENT)
    says = message("sface", None, tmp_path)
    assert SHA256 in says
    assert known.sha256 is not None
    assert known.sha256 in says


def test_ones_own_file_is_taken_with_its_hash_and_refused_without_or_with_another(own: Path) -> None:
    assert find_weights(str(own), SHA256, ()) == own
    assert "weights_sha256" in message(str(own), None)
    says = message(str(own), "0" * 64)
    assert SHA256 in says
    assert "0" * 64 in says


def test_ones_own_file_is_found_by_its_name_where_spark_sent_it(own: Path) -> None:
    assert find_weights(f"/on/the/driver/{own.name}", SHA256, (Path("/nowhere"), own.parent)) == own
    assert SHA256 in message(f"/on/the/driver/{own.name}", "0" * 64, own.parent)


def test_a_name_that_nobody_knows_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    for sha256 in (None, SHA256):
        says = message("vggface3", sha256, tmp_path)
        assert "vggface3" in says
        assert all(name in says for name in WEIGHTS)


def test_a_folder_is_no_file_of_weights(tmp_path: Path) -> None:
    assert "cannot read" in message(str(tmp_path), SHA256)


def test_weights_of_which_no_hash_is_published_need_the_users_own(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS["casia-webface"].file).write_bytes(CONTENT)
    assert "weights_sha256" in message("casia-webface", None, tmp_path)
    assert find_weights("casia-webface", SHA256, (tmp_path,)).name == WEIGHTS["casia-webface"].file


def test_a_home_folder_is_written_as_a_tilde(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(own.parent))
    assert find_weights("~/own.pt", SHA256, ()) == own


@pytest.mark.parametrize(
    ("model", "file"), [("sface", WEIGHTS["sface"].file), ("inception_resnet_v1", WEIGHTS["vggface2"].file)]
)
def test_a_model_without_named_weights_takes_its_own(
    model: Literal["sface", "inception_resnet_v1"], file: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=file):
        weights_file(EmbedSettings(model=model), (tmp_path,))


def test_every_weights_file_can_be_had_from_somewhere() -> None:
    for known in WEIGHTS.values():
        assert known.url or (known.package and known.package_sha256 and known.member)
        assert known.licence
