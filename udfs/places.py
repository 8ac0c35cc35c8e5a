"""Coordinates → the nearest town, from the geocoder's own table: nothing is asked of the network."""

from __future__ import annotations

from collections.abc import Iterable

import reverse_geocode

Place = tuple[float, float]  # latitude and longitude in degrees


def towns_of(places: Iterable[tuple[float | None, float | None]]) -> dict[Place, str]:
    """The nearest town of each place that is known; the others are left out."""
    known = sorted({(north, east) for north, east in places if north is not None and east is not None})
    if not known:
        return {}
    return {place: town["city"] for place, town in zip(known, reverse_geocode.search(known), strict=True)}
