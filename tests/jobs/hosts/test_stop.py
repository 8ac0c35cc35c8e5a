from collections.abc import Mapping

import pytest

from facejoin.conf.settings import CrawlSettings
from facejoin.jobs.hosts.stop import stop_if_most_failed
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.web.outcomes import Outcome


def seen(rows: int, **statuses: int) -> Mapping[str, float]:
    counts = {f"status_{outcome.value}": 0 for outcome in Outcome} | {
        f"status_{name}": n for name, n in statuses.items()
    }
    return counts | {"rows": rows, "first_tries": rows, "failed_first_tries": sum(statuses.values())}


def test_a_wave_that_mostly_failed_stops_the_crawl_in_one_line_that_says_what_to_do() -> None:
    with pytest.raises(JobError) as caught:
        stop_if_most_failed("0000-0007", seen(1000, put_off=500, timeout=20), CrawlSettings())
    said = str(caught.value)
    assert "wave 0000-0007: 520 of its 1000 new photos failed" in said
    assert "(put_off 500, timeout 20)" in said
    assert said.endswith("facejoin crawl --retry")
    assert "\n" not in said


def test_photos_that_had_failed_before_do_not_count() -> None:
    again = {**seen(1000, timeout=1000), "first_tries": 0, "failed_first_tries": 0}
    stop_if_most_failed("0000-0007", again, CrawlSettings())


@pytest.mark.parametrize(
    ("rows", "failed", "limits"),
    [(1000, 500, {}), (99, 99, {}), (1000, 600, {"stop_share": 0.7}), (1000, 600, {"stop_photos": 601})],
)
def test_a_wave_with_fewer_failures_does_not(rows: int, failed: int, limits: dict[str, float]) -> None:
    stop_if_most_failed("0000-0007", seen(rows, refused=failed), CrawlSettings.model_validate(limits))
