"""The photos of the small campaign, one by one: what each shows or what is wrong with it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ALICE, BOB, CAROL = "11111111@N01", "22222222@N02", "33333333@N03"  # owners; Carol asked out
PARIS, NAIROBI, NOWHERE = (48.8566, 2.3522), (-1.2921, 36.8219), (None, None)  # latitude, longitude


@dataclass(frozen=True)
class NamedPhoto:
    photo_id: int
    status: str  # that a crawl must find
    shows: tuple[str, ...] = ("gravel.png",)  # samples, side by side
    people: frozenset[str] = frozenset()  # of the gallery who are in it
    owner: str = ALICE
    place: tuple[float, float] | tuple[None, None] = PARIS
    fault: str | None = None  # of the server, when it is asked for the photo
    folder: str = "1"
    extension: str = "jpg"  # of its URL
    elsewhere: str | None = None  # the URL that is listed, where that is none of the server's
    marker: Literal[0, 1] = 0  # 1: a video
    asked_for: bool = True  # whether a crawl may send a request

    @property
    def file(self) -> str:
        """Below the server's folder."""
        return f"{self.folder}/{self.photo_id}.jpg"

    @property
    def path(self) -> str:
        """Of its URL."""
        return f"/{self.folder}/{self.photo_id}.{self.extension}"


OBAMA = NamedPhoto(1, "faces", shows=("obama2.jpg",), people=frozenset({"Barack_Obama"}))
BIDEN_AND_COLLINS = NamedPhoto(
    2, "faces", shows=("biden.jpg", "astronaut.png"), people=frozenset({"Joe_Biden", "Eileen_Collins"}), place=NOWHERE
)
MIRRORED_BIDEN = NamedPhoto(
    3, "faces", shows=("mirrored biden.jpg",), people=frozenset({"Joe_Biden"}), owner=BOB, place=NAIROBI
)
CAT = NamedPhoto(4, "no_face", shows=("chelsea.png",))
FLAKY = NamedPhoto(5, "http_error", shows=("obama3.jpg",), fault="flaky")  # fails the first time only
NOT_FOUND = NamedPhoto(6, "gone", fault="not_found")
PLACEHOLDER = NamedPhoto(7, "placeholder", fault="placeholder")
TRUNCATED = NamedPhoto(8, "corrupt", fault="truncated")
WRONG_TYPE = NamedPhoto(9, "unsupported", fault="wrong_type")
SLOW = NamedPhoto(10, "timeout", fault="slow")
SERVER_ERROR = NamedPhoto(11, "http_error", fault="server_error")
OPTED_OUT = NamedPhoto(12, "opted_out", fault="opted_out")
PRIVATE = NamedPhoto(13, "robots", folder="private", asked_for=False)
TINY = NamedPhoto(14, "too_small", shows=("tiny gravel.png",))
VIDEO = NamedPhoto(15, "video", marker=1, asked_for=False)
TIFF = NamedPhoto(16, "not_image_url", extension="tif", asked_for=False)
INSIDE = NamedPhoto(17, "blocked_address", elsewhere="http://10.0.0.1/1/17.jpg", asked_for=False)
ASKED_OUT = NamedPhoto(18, "suppressed", asked_for=False)
OWNER_ASKED_OUT = NamedPhoto(19, "suppressed", owner=CAROL, asked_for=False)
UNLISTED = NamedPhoto(20, "no_face", shows=("coffee.png",))

LISTED = (
    *(OBAMA, BIDEN_AND_COLLINS, MIRRORED_BIDEN, CAT, FLAKY, NOT_FOUND, PLACEHOLDER, TRUNCATED, WRONG_TYPE, SLOW),
    *(SERVER_ERROR, OPTED_OUT, PRIVATE, TINY, VIDEO, TIFF, INSIDE, ASKED_OUT, OWNER_ASKED_OUT),
)
SERVED = (*LISTED, UNLISTED)
OF_PEOPLE = tuple(photo for photo in LISTED if photo.people)
PEOPLE = tuple(sorted(frozenset().union(*(photo.people for photo in LISTED))))  # of the gallery
ROBOTS_TXT = f"User-agent: *\nDisallow: /{PRIVATE.folder}/\n"
