"""Each kind of bad answer and of bad file, and the row that it is to get; a server that has them all."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hostile_photos import HOSTILE, Hostile, png, saved
from raw_server import RawServer, answer, raw_server

MAX_BYTES = 8_000_000
PHOTO, PLACEHOLDER = saved("JPEG", quality=95), saved("PNG", (75, 75))
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(2000)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"/>' + b" " * 1000
BOMB = gzip.compress(bytes(3 * MAX_BYTES))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"


@dataclass(frozen=True)
class Bad:
    sent: bytes  # by the server
    status: str
    error: str | None  # a part of it
    http_status: int | None = 200
    endless: bool = False
    url: str | None = None  # of another server, or of none


def redirect(target: str) -> bytes:
    return answer(302, Location=target)


def elsewhere(url: str, status: str, error: str) -> Bad:
    return Bad(b"", status, error, None, url=url)


def of_file(hostile: Hostile) -> Bad:
    return Bad(answer(200, hostile.make()), hostile.status, hostile.error or None)


ANSWERS = {
    "not found": Bad(answer(404), "gone", "HTTP status 404", 404),
    "gone": Bad(answer(410), "gone", "HTTP status 410", 410),
    "forbidden": Bad(answer(403), "http_error", "HTTP status 403", 403),
    "bad request": Bad(answer(400), "http_error", "HTTP status 400", 400),
    "no content": Bad(answer(204), "http_error", "HTTP status 204", 204),
    "part of it": Bad(answer(206, PHOTO), "http_error", "HTTP status 206", 206),
    "server error": Bad(answer(500), "http_error", "HTTP status 500", 500),
    "gateway error": Bad(answer(502, b"<html>", "text/html"), "http_error", "HTTP status 502", 502),
    "unavailable": Bad(answer(503), "http_error", "HTTP status 503", 503),
    "unavailable for a while": Bad(answer(503, Retry_After=3600), "rate_limited", "HTTP status 503", 503),
    "too many requests": Bad(answer(429), "rate_limited", "HTTP status 429", 429),
    "redirect to itself": Bad(redirect("/redirect-to-itself"), "http_error", "redirects", None),
    "redirect inside": Bad(redirect("http://10.0.0.1/1.jpg"), "blocked_address", "10.0.0.1", None),
    "redirect to the cloud's own": Bad(redirect("http://169.254.169.254/meta"), "blocked_address", "169.254", None),
    "redirect to a file": Bad(redirect("file:///etc/passwd"), "not_image_url", "not a plain http or https URL", None),
    "redirect nowhere": Bad(answer(301), "http_error", "HTTP status 301", 301),
    "redirect to a placeholder": Bad(redirect("/images/photo_unavailable.png"), "placeholder", "leads to", None),
    "placeholder": Bad(answer(200, PLACEHOLDER), "placeholder", "a known placeholder picture"),
    "page": Bad(answer(200, b"<html>" * 200, "text/html"), "unsupported", "served as text/html"),
    "page as a photo": Bad(answer(200, b"<html>" * 200), "unsupported", "not a JPEG, PNG, GIF file"),
    "film": Bad(answer(200, MP4, "video/mp4"), "unsupported", "served as video/mp4"),
    "film as a photo": Bad(answer(200, MP4), "unsupported", "not a JPEG, PNG, GIF file"),
    "drawing": Bad(answer(200, SVG, "image/svg+xml"), "unsupported", "not a JPEG, PNG, GIF file"),
    "nothing": Bad(answer(200), "too_small", "0 bytes"),
    "pixel for tracking": Bad(answer(200, saved("GIF", (1, 1), "P")[:35]), "too_small", "35 bytes"),
    "too large, as announced": Bad(HEAD + b"Content-Length: 99000000\r\n\r\n", "too_large", "more than 8000000 bytes"),
    "too large without a word": Bad(HEAD + b"\r\n" + bytes(MAX_BYTES + 1), "too_large", "more than 8000000 bytes"),
    "gzip that inflates": Bad(answer(200, BOMB, Content_Encoding="gzip"), "too_large", "more than 8000000 bytes"),
    "gzip that is none": Bad(answer(200, PHOTO, Content_Encoding="gzip"), "corrupt", "Content-Encoding", None),
    "cut off": Bad(answer(200, PHOTO[:900], Content_Length=5000), "refused", "bytes missing", None),
    "chunk cut off": Bad(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\nabc", "refused", "", None),
    "no answer": Bad(b"\r\n", "refused", "", None),
    "no HTTP": Bad(b"220 mail.test ESMTP\r\n" * 50, "refused", "", None),
    "header without end": Bad(b"HTTP/1.1 200 OK\r\nX-Drip: a", "timeout", "no complete response", None, endless=True),
    "body without end": Bad(HEAD + b"\r\n\xff", "timeout", "no complete response", None, endless=True),
    "opted out": Bad(answer(200, PHOTO, X_Robots_Tag="noai"), "opted_out", "X-Robots-Tag forbids it"),
    "private": Bad(answer(200, PHOTO), "robots", "disallowed by robots.txt", None),
    "half a photo": Bad(answer(200, saved("JPEG", (400, 300))[:3000]), "corrupt", "JPEG"),
    "half a PNG": Bad(answer(200, png(64, 48)[:-30]), "corrupt", "PNG"),
    "photo as a stream": Bad(answer(200, PHOTO, "application/octet-stream", Content_Length=None), "no_face", None),
    "address inside": elsewhere("http://192.168.0.1/1.jpg", "blocked_address", "192.168.0.1"),
    "address of no one": elsewhere("http://nobody.test/1.jpg", "dns_error", "nobody.test"),
    "closed port": elsewhere("http://127.0.0.1:9/1.jpg", "refused", "Could not connect"),
    "user name": elsewhere("http://ann@photos.test/1.jpg", "not_image_url", "not a plain http or https URL"),
    "other scheme": elsewhere("ftp://photos.test/1.jpg", "not_image_url", "not a plain http or https URL"),
    "no URL": elsewhere("http://[photos/1.jpg", "not_image_url", "malformed URL"),
}
BAD = ANSWERS | {what: of_file(hostile) for what, hostile in HOSTILE.items()}


def path_of(what: str) -> str:
    """`private` is a folder that robots.txt disallows."""
    return f"/{what.replace(' ', '-').replace(',', '')}"


@contextmanager
def bad_photos() -> Iterator[RawServer]:
    """Those that are not elsewhere, each at its path."""
    robots = answer(200, b"User-agent: *\nDisallow: /private\n", "text/plain")
    answers = {path_of(what): bad.sent for what, bad in BAD.items() if not bad.endless}
    endless = {path_of(what): bad.sent for what, bad in BAD.items() if bad.endless}
    with raw_server(answers | {"/robots.txt": robots}, endless) as running:
        yield running
