"""A status report in which everything is known, or nothing."""

from __future__ import annotations

from dataclasses import replace

from facejoin.jobs.watch.report import Cost, LoadPoint, StatusReport, WaveLoad

NOON = 1_700_049_600.0  # seconds since 1970

KNOWN = StatusReport(
    model_version="networks-1",
    at=NOON,
    photos=100_000_000,
    left=75_000_000,
    statuses={"faces": 4_700_000, "no_face": 20_300_000},
    waves=500,
    rate=100.0,
    seconds_left=750_000.0,
    bytes=2_800_000_000_000,
    mean_bytes=112_000.0,
    projected_bytes=11_200_000_000_000.0,
    with_face=0.188,
    core_hours=1_000.0,
    core_hours_left=3_000.0,
    cost=Cost(cores=40.0, bytes=28.0),
    cost_left=Cost(cores=120.0, bytes=84.0),
    currency="euros",
    at_work=["crawl 0000-0003 of networks-1, held by somebody"],
    paused={"photos.test": NOON + 60},
    load=[LoadPoint(NOON - 60 * ago, 8.0, 7.5 - ago, 8, 1.2e9, 1_500_000_000) for ago in (2, 1, 0)],
    wave_load=[WaveLoad("0000-0003 a", NOON - 180, NOON, 6.5, 1.2e9, 1_500_000_000)],
)
NOTHING = Cost(None, None)
UNKNOWN = replace(
    KNOWN,
    left=KNOWN.photos,
    statuses={},
    waves=0,
    rate=None,
    seconds_left=None,
    bytes=0,
    mean_bytes=None,
    projected_bytes=None,
    with_face=None,
    core_hours=None,
    core_hours_left=None,
    cost=NOTHING,
    cost_left=NOTHING,
    at_work=[],
    paused={},
    load=[],
    wave_load=[],
    unknown=["everything"],
)
