"""A crawl whose waves fail stops before it has burnt the list."""

from __future__ import annotations

from collections.abc import Mapping

from facejoin.conf.settings import CrawlSettings
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.web.outcomes import Outcome


def stop_if_most_failed(wave: object, seen: Mapping[str, float], crawl: CrawlSettings) -> None:
    """Raises JobError after a wave that failed by the network or the hosts. Photos that had failed before do not count:
    that they fail again is no surprise. seen: the wave's measures; empty where it had nothing to do."""
    first, failed = (int(seen.get(name, 0)) for name in ("first_tries", "failed_first_tries"))
    if failed < crawl.stop_photos or failed <= crawl.stop_share * first:
        return
    passing = [outcome for outcome in Outcome if outcome.retryable or outcome is Outcome.HTTP_ERROR]
    counts = {outcome.value: int(seen[f"status_{outcome.value}"]) for outcome in passing}
    most = ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count)
    raise JobError(
        f"the crawl stops after wave {wave}: {failed} of its {first} new photos failed by the network or the hosts "
        f"({most}), more than crawl.stop_share {crawl.stop_share:g} allows; what is known is written. "
        "When the hosts answer again, go on with: facejoin crawl --retry"
    )
