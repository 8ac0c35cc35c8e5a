"""What a driver on a node of the cluster is sent, and what is refused because it could not work there."""

from __future__ import annotations

from pathlib import Path

import pytest

from facejoin.cli.cluster_mode import for_cluster_mode
from facejoin.conf.settings import SettingsError, load_settings
from facejoin.jobs.downloads.weights import fetch_needed_weights


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "conf" / "own.yaml"
    path.parent.mkdir()
    path.write_text("vision: {detect: {model: yunet}, embed: {model: sface}}\n")
    return path


def test_the_settings_are_sent_and_named_as_they_lie_there(config: Path) -> None:
    files, words = for_cluster_mode(["match", "--config", str(config), "--warehouse", "hdfs:///tables"])
    assert files == [config]
    assert words == ["match", "--config", "own.yaml", "--warehouse", "hdfs:///tables"]
    assert for_cluster_mode(["match", f"--config={config}"]) == ([config], ["match", "--config", "own.yaml"])


def test_weights_go_along_where_networks_run_and_are_here(config: Path, tmp_path: Path) -> None:
    fetch_needed_weights(load_settings(config).networks)
    files, _ = for_cluster_mode(["crawl", "--config", str(config)])
    assert sorted(file.suffix for file in files) == [".onnx", ".onnx", ".yaml"]
    config.write_text(f"{config.read_text()}cache: {tmp_path / 'elsewhere'}\n")
    assert for_cluster_mode(["crawl", "--config", str(config)])[0] == [config]


def test_vectors_of_no_faces_are_sent_but_a_folder_of_the_cluster_is_not(tmp_path: Path) -> None:
    vectors = tmp_path / "none.npz"
    vectors.touch()
    for given, sent, there in ((vectors, [vectors], "none.npz"), ("hdfs:///none", [], "hdfs:///none")):
        files, words = for_cluster_mode(["enroll", "hdfs:///gallery", "--nonfaces", str(given)])
        assert [file for file in files if file.suffix != ".onnx"] == sent
        assert words[-1] == there


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["demo"], "demo cannot run in deploy mode cluster"),
        (["evaluate", "detection"], "evaluate cannot run in deploy mode cluster"),
        (["publish"], "publish in deploy mode cluster needs --site"),
        (["publish", "--site", "build/site"], "--site build/site would be lost"),
        (["match", "--out", "report.json"], "--out report.json would be lost"),
    ],
)
def test_what_could_not_work_there_is_refused(words: list[str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        for_cluster_mode(words)


def test_what_a_shared_folder_takes_is_left_alone() -> None:
    words = ["publish", "--site", "/shared/site", "--out", "/shared/report.json"]
    assert for_cluster_mode(words) == ([], words)
