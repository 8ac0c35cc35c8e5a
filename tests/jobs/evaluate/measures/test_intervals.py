import pytest

from facejoin.jobs.evaluate.measures.intervals import share, wilson


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe's examples (Statistics in Medicine 17, 1998, 857–872)."""
    published = {
        (81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (29, 29): (0.8830, 1)
    }  # fmt: skip
    for counted, interval in published.items():
        assert wilson(*counted) == pytest.approx(interval, abs=1e-4)


def test_of_nothing_there_is_neither_a_share_nor_an_interval() -> None:
    assert share(0, 0) is None
    assert wilson(0, 0) is None
    assert share(1, 4) == 0.25
