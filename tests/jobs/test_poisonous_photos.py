"""A photo that ends its worker costs a crawl neither its wave nor other photos: real workers of Spark, really ended."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from named_photos import CAT, OBAMA

from facejoin.demo.photo_server import PhotoServer
from facejoin.jobs.store.session import SHORT_RUN

DEADLY = Path(__file__).parents[1] / "support" / "deadly"
PHOTOS = {1: OBAMA, 2: CAT, 3: CAT}
DEATHS = {2: b"kill"}  # what is put behind a photo's file, for `deadly` to find
EXPECTED = {1: ("faces", None), 2: ("poisonous", "ended its worker by signal 9"), 3: ("no_face", None)}


@pytest.fixture
def deadly_server(photo_root, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo_id, photo in PHOTOS.items():
        shutil.copy(photo_root / photo.file, folder / f"{photo_id}.jpg")
        with (folder / f"{photo_id}.jpg").open("ab") as file:
            file.write(DEATHS.get(photo_id, b""))
    with PhotoServer(folder) as server:
        yield server


@pytest.mark.slow
def test_a_photo_that_ends_its_worker_is_poisonous_and_the_wave_is_committed(
    spark, warehouse, add_photos, photo_row, deadly_server, make_settings, tmp_path
):
    add_photos(
        warehouse, [photo_row(photo_id, download_url=deadly_server.url(f"/{photo_id}.jpg")) for photo_id in PHOTOS]
    )
    spark_settings = {"spark.master": "local[1,4]", "spark.ui.enabled": "false", "spark.driver.memory": "1g"}
    settings = make_settings(warehouse=warehouse.folder, spark=spark_settings | SHORT_RUN)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    done = subprocess.run(
        [sys.executable, "-m", "facejoin.cli.app", "crawl", "--config", config],
        env=os.environ | {"PYTHONPATH": f"{DEADLY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = warehouse.read("results").select("photo_id", "status", "error").collect()
    assert {row["photo_id"]: (row["status"], row["error"]) for row in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)
    assert warehouse.version("results") == 1
