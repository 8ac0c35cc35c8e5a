"""What became of a photo: one word of a fixed vocabulary, stored as `results.status`."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    FACES = "faces"
    NO_FACE = "no_face"
    VIDEO = "video"  # the photo list itself says so; never asked for
    NOT_IMAGE_URL = "not_image_url"  # not http(s), malformed, or carries a user name; nothing was sent
    TOO_SMALL = "too_small"  # in bytes
    TOO_LARGE = "too_large"  # in bytes, announced or after decompression
    TOO_MANY_PIXELS = "too_many_pixels"  # by the picture's header, before it is decoded: themselves, or in memory
    CORRUPT = "corrupt"  # an image format that is known, with bytes that cannot be decoded
    UNSUPPORTED = "unsupported"  # a page, a film, or an image format that photo lists do not name
    # Costs a worker more than any photo needs: ended it, hung it, had not enough memory even alone, or is made to
    POISONOUS = "poisonous"
    GONE = "gone"  # 404 or 410
    PLACEHOLDER = "placeholder"  # a soft 404: status 200 and a picture that says "photo unavailable"
    HTTP_ERROR = "http_error"  # any other status but 200; worth another try from 500 on
    RATE_LIMITED = "rate_limited"  # 429, or 503 with a Retry-After
    TIMEOUT = "timeout"  # not connected, or not complete, in time
    DNS_ERROR = "dns_error"  # the host's name has no address, or nobody said so in time
    PUT_OFF = "put_off"  # its host failed, or asked for a pause, and is left alone; nothing was sent
    REFUSED = "refused"  # connection refused, reset or cut before its Content-Length; TLS failed; no HTTP spoken
    BLOCKED_ADDRESS = "blocked_address"  # the host lies in a private network; nothing was sent
    ROBOTS = "robots"  # the host's robots.txt disallows it
    OPTED_OUT = "opted_out"  # the response's X-Robots-Tag says noai
    SUPPRESSED = "suppressed"  # the photo, its owner or a person on it asked out

    @property
    def retryable(self) -> bool:
        """Whether another try may end otherwise. An `http_error` needs its status too: see `is_retryable`."""
        return self in _PASSING


_PASSING = frozenset({Outcome.RATE_LIMITED, Outcome.TIMEOUT, Outcome.DNS_ERROR, Outcome.PUT_OFF, Outcome.REFUSED})


def is_retryable(outcome: Outcome, http_status: int | None) -> bool:
    """Whether another try may end otherwise: the network's and the server's own failures, not verdicts on the photo."""
    return outcome.retryable or (outcome is Outcome.HTTP_ERROR and 500 <= (http_status or 0) < 600)


class NotFetched(Exception):
    """Why a photo's bytes are not here. Raised anywhere below `Fetcher.fetch`, which turns it into a row."""

    def __init__(
        self,
        outcome: Outcome,
        error: str,
        *,
        http_status: int | None = None,
        retry_after: float | None = None,  # seconds before which the server wants no further request
        url: str | None = None,  # the one that failed, where redirects led away from the first
    ) -> None:
        super().__init__(error)
        self.outcome = outcome
        self.http_status = http_status
        self.retry_after = retry_after
        self.url = url

    @property
    def retryable(self) -> bool:
        return is_retryable(self.outcome, self.http_status)
