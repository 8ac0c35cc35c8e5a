"""Photos that cannot become a face: two for each way in which a download, or the decision to download, fails."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from PIL import Image

from facejoin.demo.draft import Draft

COPIES = 2  # photos of each fault
DONORS = 20
SERVED_FAULTS = {  # what the server does → the outcome of the photo
    "not_found": "gone",
    "placeholder": "placeholder",
    "truncated": "corrupt",
    "wrong_type": "unsupported",
    "slow": "timeout",
    "server_error": "http_error",
    "opted_out": "opted_out",
}
PRIVATE_ADDRESS = "http://10.0.0.1"  # never to be contacted
THUMBNAIL = 32  # pixels; its file is below 1,000 bytes


def inject_faults(draft: Draft, donors: Sequence[Path]) -> None:
    """Further rows that fail on purpose; the largest of `donors` are served where a photo must exist behind the fault.

    The largest, because half of one must not fail for being too small.
    """
    donor = cycle(sorted(donors, key=lambda path: (-path.stat().st_size, path))[:DONORS])
    for _ in range(COPIES):
        for fault, status in SERVED_FAULTS.items():
            _add_served(draft, fault, status, next(donor))
        _add_disallowed(draft, next(donor))
        _add_too_small(draft, next(donor))
        _add_never_fetched(draft)


def link_or_copy(source: Path, target: Path) -> None:
    """The same photo at another place, by a hard link where the file system has them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)


def _add_served(draft: Draft, fault: str, status: str, donor: Path) -> None:
    row = draft.new_row(donor.suffix)
    if fault != "not_found":
        link_or_copy(donor, draft.file_of(row))
    draft.add_fault(row, status, fault)


def _add_disallowed(draft: Draft, donor: Path) -> None:
    """A photo that would be served, in a folder that robots.txt disallows."""
    row = draft.new_row(donor.suffix)
    url = f"{draft.origin}/private/{row.photo_id}_{row.secret}{donor.suffix}"
    row = replace(row, download_url=url)
    link_or_copy(donor, draft.file_of(row))
    draft.add_fault(row, "robots")


def _add_too_small(draft: Draft, donor: Path) -> None:
    row = draft.new_row(".jpg")
    with Image.open(donor) as photo:
        photo.convert("RGB").resize((THUMBNAIL, THUMBNAIL)).save(draft.file_of(row), "JPEG", quality=60)
    draft.add_fault(row, "too_small")


def _add_never_fetched(draft: Draft) -> None:
    """A video, a file type that is not searched, and an address inside somebody's network."""
    draft.add_fault(replace(draft.new_row(".jpg"), marker=1), "video")
    draft.add_fault(draft.new_row(".tif"), "not_image_url")
    row = draft.new_row(".jpg")
    row = replace(row, download_url=row.download_url.replace(draft.origin, PRIVATE_ADDRESS))
    draft.add_fault(row, "blocked_address")
