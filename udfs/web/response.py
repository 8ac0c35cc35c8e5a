"""What a response amounts to: its status, its headers, and its body within a limit."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from urllib.parse import urljoin

from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError, InvalidHeader
from urllib3.util import Retry

from facejoin.udfs.web.outcomes import NotFetched, Outcome
from facejoin.udfs.web.transport import Head, Response

OTHER_MEDIA = ("text/", "video/", "audio/", "application/json", "application/xml", "application/xhtml")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_RETRY_AFTER = 86_400  # seconds; who names a longer one means this

_BY_STATUS = {404: Outcome.GONE, 410: Outcome.GONE, 429: Outcome.RATE_LIMITED}


def redirect_target(url: str, head: Head) -> str | None:
    """The absolute URL that a redirect of `url` leads to; None for any other response. Raises NotFetched."""
    location = head.first("location")
    if location is None or head.status not in REDIRECTS:
        return None
    try:
        return urljoin(url, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError as error:
        raise NotFetched(Outcome.HTTP_ERROR, "redirect to a malformed URL", http_status=head.status) from error


def check_status(head: Head) -> None:
    """Raises NotFetched for any status but 200."""
    status, retry_after = head.status, _retry_after(head)
    if status == 200:
        return
    outcome = _BY_STATUS.get(status, Outcome.HTTP_ERROR)
    if status == 503 and retry_after is not None:
        outcome = Outcome.RATE_LIMITED
    raise NotFetched(outcome, f"HTTP status {status}", http_status=status, retry_after=retry_after)


def _retry_after(head: Head) -> float | None:
    """Seconds, from a number or a date; None where the header is missing or unreadable."""
    with suppress(InvalidHeader, ValueError, OverflowError):
        return Retry(retry_after_max=LONGEST_RETRY_AFTER).parse_retry_after(head.first("retry-after") or "")
    return None


def check_media_type(head: Head) -> None:
    """Raises NotFetched for what is clearly no picture; a missing or odd type is left to the decoder."""
    media_type = (head.first("content-type") or "").partition(";")[0].strip().lower()
    if media_type.startswith(OTHER_MEDIA):
        raise NotFetched(Outcome.UNSUPPORTED, f"served as {media_type[:40]}", http_status=head.status)


def check_length(head: Head, max_bytes: int) -> None:
    """Raises NotFetched (too_large) where more is announced."""
    if (head.length or 0) > max_bytes:
        raise _too_large(head, max_bytes)


def most_bytes(head: Head, max_bytes: int) -> int | None:
    """How many `decoded` may hold: those announced, or all that it may where they are compressed; None: nobody says."""
    if _encoding(head):
        return max_bytes
    return None if head.length is None else min(head.length, max_bytes)


def decoded(response: Response, max_bytes: int) -> bytes:
    """The body without its content encoding; never more than max_bytes + 1 of them are held.

    Raises NotFetched: too_large or corrupt.
    """
    body = first_decoded(response, max_bytes + 1)
    if len(body) > max_bytes:
        raise _too_large(response.head, max_bytes)
    return body


def first_decoded(response: Response, most: int) -> bytes:
    """The same, and no more than so many bytes of it. Raises NotFetched (corrupt)."""
    encoding = _encoding(response.head)
    if not encoding:
        return response.body[:most]
    try:
        raw = HTTPResponse(BytesIO(response.body), {"Content-Encoding": encoding}, preload_content=False)
        body: bytes = raw.read(most, decode_content=True)
    except DecodeError as error:
        raise NotFetched(Outcome.CORRUPT, "the Content-Encoding cannot be undone") from error
    return body


def _encoding(head: Head) -> str:
    return ", ".join(head.fields.get("content-encoding", ()))


def _too_large(head: Head, max_bytes: int) -> NotFetched:
    return NotFetched(Outcome.TOO_LARGE, f"more than {max_bytes} bytes", http_status=head.status)
