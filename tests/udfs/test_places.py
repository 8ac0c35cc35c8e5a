"""Coordinates → towns."""

from facejoin.udfs.places import towns_of

PARIS, NAIROBI, MID_ATLANTIC = (48.8566, 2.3522), (-1.2921, 36.8219), (0.0, -30.0)


def test_a_place_has_the_name_of_the_nearest_town():
    assert towns_of([NAIROBI, PARIS]) == {PARIS: "Paris", NAIROBI: "Nairobi"}


def test_places_that_are_unknown_are_left_out_and_equal_ones_are_one():
    assert towns_of([(None, None), PARIS, (None, 2.0), (1.0, None), PARIS]) == {PARIS: "Paris"}


def test_far_from_any_town_there_still_is_a_nearest_one():
    assert [*towns_of([MID_ATLANTIC])] == [MID_ATLANTIC]


def test_of_no_places_nothing_is_asked_of_the_geocoder(monkeypatch):
    monkeypatch.setattr("reverse_geocode.search", None)
    assert towns_of([]) == towns_of([(None, None)]) == {}
