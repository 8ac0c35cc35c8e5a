"""Invented metadata for the demo's photos: owners, texts and cameras are made up, places and licences are real."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from facejoin.demo.photo_list import PhotoRow

OWNERS = (  # NSID, nickname: accents, signs and scripts that an encoding can trip over
    ("10000011@N00", "harbour light"),
    ("10000023@N02", "Zoë Mårtensson"),
    ("10000037@N04", "José + María"),
    ("10000041@N05", "Söhne & Co., 100%"),
    ("10000059@N06", "明日香"),
    ("10000061@N07", 'O\'Neill "Red"'),
    ("10000073@N08", "C++ rambler"),
    ("10000089@N03", "Łukasz_Ż"),
)
PLACES = (  # name, latitude, longitude in degrees
    ("Washington, D.C.", 38.8895, -77.0353),
    ("New York", 40.7580, -73.9855),
    ("San Francisco", 37.8080, -122.4177),
    ("Honolulu", 21.2793, -157.8292),
    ("Mexico City", 19.4326, -99.1332),
    ("Bogotá", 4.5981, -74.0758),
    ("Rio de Janeiro", -22.9519, -43.2105),
    ("Ushuaia", -54.8019, -68.3030),
    ("London", 51.5007, -0.1246),
    ("Paris", 48.8584, 2.2945),
    ("Berlin", 52.5163, 13.3777),
    ("Reykjavík", 64.1466, -21.9426),
    ("Istanbul", 41.0086, 28.9802),
    ("Cairo", 29.9792, 31.1342),
    ("Nairobi", -1.2921, 36.8219),
    ("Cape Town", -33.9249, 18.4241),
    ("Mumbai", 18.9220, 72.8347),
    ("Bangkok", 13.7500, 100.4913),
    ("Tokyo", 35.6586, 139.7454),
    ("Sydney", -33.8568, 151.2153),
    ("Queenstown", -45.0312, 168.6626),
    ("Suva", -18.1416, 178.4419),
)
LICENCES = (
    ("Attribution License", "http://creativecommons.org/licenses/by/2.0/"),
    ("Attribution-NoDerivs License", "http://creativecommons.org/licenses/by-nd/2.0/"),
    ("Attribution-ShareAlike License", "http://creativecommons.org/licenses/by-sa/2.0/"),
    ("Attribution-NonCommercial License", "http://creativecommons.org/licenses/by-nc/2.0/"),
    ("Attribution-NonCommercial-NoDerivs License", "http://creativecommons.org/licenses/by-nc-nd/2.0/"),
    ("Attribution-NonCommercial-ShareAlike License", "http://creativecommons.org/licenses/by-nc-sa/2.0/"),
)
DEVICES = ("Canon EOS 5D Mark II", "NIKON D90", "Panasonic DMC-FZ50", "Apple iPhone 4", "Kodak, 110 Instamatic", "")
TITLES = (
    "Sunday visit",
    "IMG_0421",
    "Café & crème",
    "50% off, 2 + 2",
    "On stage",
    "Früh am Morgen",
    "東京",
    "<b>Big</b>",
    "",
)
DESCRIPTIONS = (
    "",
    "Taken on the way home.\n\nNo tripod, 1/60 s.",
    'See <a href="http://www.flickr.com/">the rest</a> of the set.',
    "Tab\there, comma, 100% & a question?",
    "Wer kennt den Platz? ¿Quién lo sabe?",
)
TAGS = ("2008", "travel", "black and white", "b&w", "washington, d.c.", "été", "portrait", "c++", "東京", "sky")
MACHINE_TAGS = ("geo:zoom=15", "camera:make=canon", "uploaded:by=flickrmobile")
ODD_DATES = ("null", "4501-01-01 00:00:00.0")  # both occur in YFCC100M
FIRST_UPLOAD, LAST_UPLOAD = 1_072_915_200, 1_388_534_399  # 2004 to 2013, in Unix seconds
WITHOUT_LOCATION = 0.15  # share of the photos
JITTER = 0.01  # degrees around a place


def invent_row(rng: Random, photo_id: int, origin: str, suffix: str) -> PhotoRow:
    """A row for the photo `origin`/SERVER/ID_SECRET`suffix`, where `origin` is such as http://127.0.0.1:8000."""
    owner, nickname = rng.choice(OWNERS)
    licence, licence_url = rng.choice(LICENCES)
    server, secret = rng.randint(1, 9), _secret(rng)
    uploaded = rng.randint(FIRST_UPLOAD, LAST_UPLOAD)
    longitude, latitude, accuracy = _place(rng)
    return PhotoRow(
        photo_id=photo_id,
        owner=owner,
        nickname=nickname,
        taken=_taken(rng, uploaded),
        uploaded=uploaded,
        device=rng.choice(DEVICES),
        title=rng.choice(TITLES),
        description=rng.choice(DESCRIPTIONS),
        tags=tuple(rng.sample(TAGS, rng.randint(0, 4))),
        machine_tags=tuple(rng.sample(MACHINE_TAGS, rng.choice((0, 0, 1, 2)))),
        longitude=longitude,
        latitude=latitude,
        accuracy=accuracy,
        download_url=f"{origin}/{server}/{photo_id}_{secret}{suffix}",
        licence=licence,
        licence_url=licence_url,
        server=server,
        farm=rng.randint(1, 9),
        secret=secret,
        original_secret=_secret(rng),
        extension=suffix.removeprefix("."),
    )


def _secret(rng: Random) -> str:
    return f"{rng.getrandbits(40):010x}"


def _taken(rng: Random, uploaded: int) -> str:
    """Up to 90 days before the upload; one date in fifty is as odd as some real ones."""
    if rng.random() < 0.02:
        return rng.choice(ODD_DATES)
    taken = datetime.fromtimestamp(uploaded - rng.randint(0, 90 * 86_400), UTC)
    return f"{taken:%Y-%m-%d %H:%M:%S}.0"


def _place(rng: Random) -> tuple[float | None, float | None, int | None]:
    if rng.random() < WITHOUT_LOCATION:
        return None, None, None
    _, latitude, longitude = rng.choice(PLACES)
    return longitude + rng.uniform(-JITTER, JITTER), latitude + rng.uniform(-JITTER, JITTER), rng.randint(11, 16)
