"""A demo's photo collection on disk: gallery, photos to serve, photo lists, faults and the truth about all of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from facejoin.conf.settings import SettingsError

TRUTH_FILE = "truth.json"
ROBOTS_TXT = "User-agent: *\nDisallow: /private/\n"


@dataclass(frozen=True)
class Collection:
    """Where everything is, and what a correct run finds. Each photo of the lists is in exactly one of
    `truth`, `unknown` and `fault_statuses`."""

    folder: Path
    port: int  # of 127.0.0.1, on which the lists expect the photos
    made_from: str  # what it was made from and how, in one line
    truth: dict[int, list[str]]  # photo id → the gallery's people in it, sorted
    unknown: list[int]  # ids of the photos that hold nobody of the gallery
    fault_statuses: dict[int, str]  # photo id → the outcome that its injected fault must have
    faults: dict[str, str]  # path of a URL → the fault with which the server answers it
    robots_txt: str = ROBOTS_TXT

    @property
    def gallery(self) -> Path:
        """One folder a person, named Person_Name, with the enrolled photos."""
        return self.folder / "gallery"

    @property
    def photos(self) -> Path:
        """Root of the photo server."""
        return self.folder / "photos"

    @property
    def lists(self) -> list[Path]:
        """The photo lists: 23 columns, 25 columns."""
        return [self.folder / "lists" / "photos-0.bz2", self.folder / "lists" / "photos-1.bz2"]

    @property
    def expected_statuses(self) -> dict[str, int]:
        """Photos by outcome, of the injected faults only."""
        return dict(sorted(Counter(self.fault_statuses.values()).items()))


def save_collection(collection: Collection) -> None:
    """Everything but the folder itself, which may move."""
    saved = {key: value for key, value in asdict(collection).items() if key != "folder"}
    (collection.folder / TRUTH_FILE).write_text(json.dumps(saved, indent=1))


def load_collection(folder: Path) -> Collection:
    """The collection that was made in `folder`, wherever that has moved since."""
    path = folder / TRUTH_FILE
    try:
        saved = json.loads(path.read_text())
        for by_id in ("truth", "fault_statuses"):
            saved[by_id] = {int(photo_id): value for photo_id, value in saved[by_id].items()}
        return Collection(folder=folder, **saved)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path} is not the truth of a demo's collection ({error}): delete {folder}") from error
