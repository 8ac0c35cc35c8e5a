"""One line of a photo list."""

from named_photos import ALICE

from facejoin.demo.photo_list import PhotoRow

ROW = PhotoRow(
    photo_id=1,
    owner=ALICE,
    nickname="Zoë",
    taken="2011-11-07 07:20:22.0",
    uploaded=1320751886,
    device="NIKON D90",
    title="Fog & light",
    description="",
    tags=("b&w", "washington, d.c."),
    machine_tags=(),
    longitude=2.2945,
    latitude=48.8584,
    accuracy=16,
    download_url="http://127.0.0.1:8000/1/1.jpg",
    licence="Attribution License",
    licence_url="http://creativecommons.org/licenses/by/2.0/",
    server=1,
    farm=1,
    secret="5192fe3be9",
    original_secret="0f11b3c88a",
    extension="jpg",
)
