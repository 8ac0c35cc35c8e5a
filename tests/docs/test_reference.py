"""The reference is what the code says, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facejoin.conf.schemas import TABLES
from facejoin.udfs.web.outcomes import Outcome

ROOT = Path(__file__).parents[2]
TWO_SCREENS = 110  # lines


@pytest.mark.parametrize("file", ["commands.md", "settings.md", "tables.md"])
def test_a_page_of_the_reference_is_what_the_code_says(file: str, generated: dict[str, str]) -> None:
    assert (ROOT / "docs" / "reference" / file).read_text() == generated[file], "run `make docs`"


def test_the_reference_has_no_other_page(generated: dict[str, str]) -> None:
    assert {path.name for path in (ROOT / "docs" / "reference").iterdir()} == set(generated)


def test_every_argument_and_option_says_what_it_is(generated: dict[str, str]) -> None:
    rows = re.findall(r"^\| (`.*) \| .* \| (.*) \|$", generated["commands.md"], re.MULTILINE)
    assert len(rows) > 50
    assert [name for name, meaning in rows if not meaning.strip()] == []


def test_every_table_column_and_outcome_is_there(generated: dict[str, str]) -> None:
    page = generated["tables.md"]
    columns = {column for table in TABLES.values() for column in table.names}
    assert [word for word in [*columns, *Outcome] if f"| `{word}` |" not in page] == []


def test_a_settings_comment_is_read_beside_and_above_it(generated: dict[str, str]) -> None:
    page = generated["settings.md"]
    assert "| `timeout` | number, > 0 | `20.0` | seconds, for the whole response |" in page
    assert "Share of the gallery's people among all faces, on which confidences rest." in page


def test_the_readme_has_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= TWO_SCREENS


def test_every_dependency_has_a_reason() -> None:
    setup, reasons = (ROOT / "setup.py").read_text(), (ROOT / "docs" / "dependencies.md").read_text()
    quoted = re.findall(r'^\s+f?"([\w-]+)(?:[<>=].*)?",', setup.partition("install_requires")[2], re.MULTILINE)
    assert len(quoted) > 30
    assert [name for name in quoted if name not in reasons] == []
