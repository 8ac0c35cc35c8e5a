"""How far a share that was counted may be from the true one."""

from __future__ import annotations

from scipy.stats import binomtest

Interval = tuple[float, float]


def wilson(hits: int, count: int) -> Interval | None:
    """Wilson's 95 % interval of the share hits / count; None of nothing."""
    if not count:
        return None
    low, high = binomtest(hits, count).proportion_ci(method="wilson")
    return round(float(low), 4), round(float(high), 4)


def share(hits: int, count: int) -> float | None:
    """hits / count; None of nothing."""
    return hits / count if count else None
