"""What a response amounts to: its status, its headers, and its body within a limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, IncompleteRead
from urllib.parse import urljoin

import requests
from requests import Response
from urllib3.exceptions import DecodeError, HTTPError, InvalidHeader
from urllib3.exceptions import TimeoutError as Urllib3Timeout
from urllib3.util import Retry

from facejoin.udfs.web.outcomes import NotFetched, Outcome

OTHER_MEDIA = ("text/", "video/", "audio/", "application/json", "application/xml", "application/xhtml")
DRAINED_BYTES = 16 * 1024  # reading an error page up to this size is cheaper than a new connection
ERROR_CHARACTERS = 200

_BY_STATUS = {404: Outcome.GONE, 410: Outcome.GONE, 429: Outcome.RATE_LIMITED}


@contextmanager
def network_errors_as_outcomes(timeout: float) -> Iterator[None]:
    """Raises NotFetched for all that requests and urllib3 raise. timeout: seconds of the whole response."""
    try:
        yield
    except (requests.Timeout, Urllib3Timeout, TimeoutError) as error:
        raise NotFetched(Outcome.TIMEOUT, f"no complete response within {timeout:g} s") from error
    except DecodeError as error:
        raise NotFetched(Outcome.CORRUPT, "the Content-Encoding cannot be undone") from error
    except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
        raise NotFetched(Outcome.REFUSED, _first_cause(error)) from error


def _first_cause(error: BaseException) -> str:
    """The innermost error, on one line: the outer ones repeat the URL, whose query may be a secret."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    detail = f": {error}" if isinstance(error, (OSError, IncompleteRead)) else ""
    return " ".join(f"{type(error).__name__}{detail}".split())[:ERROR_CHARACTERS]


def redirect_target(response: Response) -> str | None:
    """The absolute URL that a redirect leads to; None for any other response. Raises NotFetched."""
    if not response.is_redirect:
        return None
    location = response.headers["location"].encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return urljoin(str(response.url), location)
    except ValueError as error:
        raise NotFetched(Outcome.HTTP_ERROR, "redirect to a malformed URL", http_status=response.status_code) from error


def check_status(response: Response) -> None:
    """Raises NotFetched for any status but 200."""
    status, retry_after = response.status_code, _retry_after(response)
    if status == 200:
        return
    outcome = _BY_STATUS.get(status, Outcome.HTTP_ERROR)
    if status == 503 and retry_after is not None:
        outcome = Outcome.RATE_LIMITED
    raise NotFetched(outcome, f"HTTP status {status}", http_status=status, retry_after=retry_after)


def _retry_after(response: Response) -> float | None:
    """Seconds, from a number or a date; None where the header is missing or unreadable."""
    with suppress(InvalidHeader, ValueError, OverflowError):
        return Retry(retry_after_max=86_400).parse_retry_after(response.headers.get("retry-after", ""))
    return None


def check_media_type(response: Response) -> None:
    """Raises NotFetched for what is clearly no picture; a missing or odd type is left to the decoder."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(OTHER_MEDIA):
        raise NotFetched(Outcome.UNSUPPORTED, f"served as {media_type[:40]}", http_status=response.status_code)


def read_at_most(response: Response, max_bytes: int) -> bytes:
    """The decoded body; never more than max_bytes + 1 of them are held. Raises NotFetched (too_large)."""
    if (_announced_length(response) or 0) <= max_bytes:
        body: bytes = response.raw.read(max_bytes + 1, decode_content=True)
        if len(body) <= max_bytes:
            return body
    raise NotFetched(Outcome.TOO_LARGE, f"more than {max_bytes} bytes", http_status=response.status_code)


def most_bytes(response: Response, max_bytes: int) -> int:
    """How many `read_at_most` may hold: those announced, or all that it may where they are not, or are compressed."""
    announced = None if response.headers.get("content-encoding") else _announced_length(response)
    return min(max_bytes if announced is None else announced, max_bytes)


def _announced_length(response: Response) -> int | None:
    length: int | None = response.raw.length_remaining
    return length


def drain(response: Response) -> None:
    """Reads a short body away, so that the connection can be used again; what goes wrong there does not matter."""
    length = _announced_length(response)
    if length is not None and length <= DRAINED_BYTES:
        with suppress(HTTPError, HTTPException, OSError):
            response.raw.read(DRAINED_BYTES + 1, decode_content=False)
