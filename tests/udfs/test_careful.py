"""Photos that end, hang or fill the process that analyses them, beside others that it analyses: real networks in real
processes, without Spark."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facejoin.conf.settings import CarefulSettings, NetworkSettings, Settings, VisionSettings
from facejoin.udfs import careful
from facejoin.udfs.careful import CarefulAnalyser
from facejoin.udfs.rows import Row, analysis_row
from facejoin.udfs.task_networks import Loading
from facejoin.udfs.vision.analyse import Analyser

DEADLY = Path(__file__).parents[1] / "support" / "deadly"
Careful = Callable[..., CarefulAnalyser]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bodies(head: Callable[[str], np.ndarray]) -> dict[str, bytes]:
    portrait = png(np.asarray(Image.fromarray(head("astronaut.png")).resize((160, 160))))
    nobody = png(np.full((90, 120, 3), 100, np.uint8))
    deadly = {what: nobody + what.encode() for what in ("kill", "hang", "grow", "raise")}
    return {"face": portrait, "nobody": nobody, "page": b"<html>"} | deadly


@pytest.fixture
def analysing(analyser: Analyser, sface_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Careful]:
    """Careful ones, with settings changed, that end with the test; marked bodies do what they say."""
    monkeypatch.syspath_prepend(str(DEADLY))
    started: list[CarefulAnalyser] = []

    def analysing(vision: VisionSettings = analyser.settings, **changes: object) -> CarefulAnalyser:
        networks = NetworkSettings(vision=vision, compute=Settings().compute, cache=str(sface_weights.parent))
        loading = Loading(settings=networks, folders=(sface_weights.parent,), gpus=(), threads=1)
        started.append(CarefulAnalyser(loading, CarefulSettings.model_validate(changes)))
        return started[-1]

    yield analysing
    for one in started:
        one.__exit__()


def statuses(rows: Iterator[Row]) -> list[tuple[str, str | None]]:
    return [(row["status"], row["error"]) for row in rows]


def test_photos_that_do_no_harm_have_the_rows_that_the_worker_itself_gives_them(
    analysing: Careful, analyser: Analyser, bodies: dict[str, bytes]
) -> None:
    usual = [bodies[what] for what in ("face", "page", "nobody")]
    for row, found in zip(analysing(photos=2).rows(usual), analyser.analyse(usual), strict=True):
        expected = analysis_row(found)
        assert row.keys() == expected.keys()
        assert {**row, "seconds": None, "faces": None} == {**expected, "seconds": None, "faces": None}
        assert row["seconds"].keys() == expected["seconds"].keys()
        for face, known in zip(row["faces"] or [], expected["faces"] or [], strict=True):
            assert face["box"] == pytest.approx(known["box"].tolist(), abs=1)
            assert np.dot(face["embedding"], known["embedding"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_a_photo_that_harms_its_process_gets_its_own_row_and_the_others_get_theirs(
    analysing: Careful, bodies: dict[str, bytes]
) -> None:
    order = ("face", "kill", "nobody", "hang", "page", "grow", "raise", "face")
    found = statuses(analysing(photos=3, seconds=6, max_memory=2 * 10**9).rows([bodies[what] for what in order]))
    assert found == [
        ("faces", None),
        ("poisonous", "ended its worker by signal 9"),
        ("no_face", None),
        ("poisonous", "took more than 6 s"),
        ("unsupported", "not a JPEG, PNG, GIF file"),
        ("poisonous", "took more than 2000000000 bytes of memory"),
        ("poisonous", "ended its worker with status 1: see the executor's log"),
        ("faces", None),
    ]


def test_rows_come_as_soon_as_they_are_known_and_no_process_stays(analysing: Careful, bodies: dict[str, bytes]) -> None:
    with analysing(photos=1) as networks:
        rows = networks.rows([bodies["nobody"], bodies["hang"]])
        assert next(rows)["status"] == "no_face"
        process = networks._process
        assert process is not None
        assert process.poll() is None
    assert process.poll() == -signal.SIGKILL


def test_where_nothing_can_be_analysed_the_task_fails_and_no_photo_is_blamed(
    analysing: Careful, analyser: Analyser, bodies: dict[str, bytes], tmp_path: Path
) -> None:
    networks = analysing()
    networks._loading = networks._loading.model_copy(update={"folders": (tmp_path,)})
    with pytest.raises(RuntimeError, match="run `facejoin weights sface`"):
        list(networks.rows([bodies["nobody"]]))
    with pytest.raises(
        RuntimeError, match="before any photo, the process beside the worker took more than 1000000 bytes of memory"
    ):
        list(analysing(max_memory=1_000_000).rows([bodies["nobody"]]))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell of a process's memory")
def test_a_process_s_memory_is_the_system_s_figure() -> None:
    before = careful.resident_bytes(os.getpid())
    held = b"x" * 100_000_000
    assert careful.resident_bytes(os.getpid()) - before > 0.9 * len(held)
    assert careful.resident_bytes(2**22 + 1) == 0  # which no process has as its number
