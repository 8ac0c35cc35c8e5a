"""Who asks out: from the command line, or from a file with a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.suppressed import KINDS, Kind

Asked = tuple[Kind, str]  # such as ("photo", "4000000000")
LONGEST_ID = 18  # digits: of a 64-bit number


def asked_for(
    photos: Iterable[str] = (), owners: Iterable[str] = (), people: Iterable[str] = (), file: Path | None = None
) -> list[Asked]:
    """Each once, in order. Raises SettingsError for what cannot be a photo's number, an NSID or a name, for a file that
    cannot be read, and where nobody asks."""
    given: list[Asked] = [("photo", value) for value in photos]
    given += [("owner", value) for value in owners] + [("person", value) for value in people]
    given += _read(file) if file is not None else ()
    if not given:
        raise SettingsError("nobody is named: expected --photo, --owner, --person or --file")
    return [*dict.fromkeys((kind, _checked(kind, value)) for kind, value in given)]


def _read(file: Path) -> Iterator[Asked]:
    """Lines such as `person Ada_Lovelace`; empty ones and those that begin with # are passed over."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the list {file}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        kind, _, value = line.strip().partition(" ")
        if kind not in KINDS or not value.strip():
            raise SettingsError(f"{file}, line {number}: expected photo, owner or person and who that is, got {line!r}")
        yield kind, value.strip()


def _checked(kind: Kind, value: str) -> str:
    value = value.strip()
    if kind == "photo":
        if not value.isascii() or not value.isdecimal() or len(value) > LONGEST_ID or int(value) == 0:
            raise SettingsError(f"a photo is named by its number, not by {value!r}")
        return str(int(value))
    if not value or not value.isprintable():
        raise SettingsError(f"expected {'an NSID' if kind == 'owner' else 'a name'} for the {kind}, got {value!r}")
    return value


def of_kind(asked: Sequence[Asked], kind: Kind) -> list[str]:
    return [value for one, value in asked if one == kind]
