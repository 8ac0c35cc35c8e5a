"""A collection's photos on the port that its lists name, for as long as somebody needs them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from facejoin.conf.settings import SettingsError
from facejoin.demo.collection import Collection
from facejoin.demo.photo_server import PhotoServer

TOKEN_FILE = ".served"  # beneath the root: by it a server tells which collection it serves
TIMEOUT = 5.0  # seconds, for its answer


@contextmanager
def served(collection: Collection) -> Iterator[None]:
    """By a server of our own, or by that of another `facejoin demo` or `view` of this very collection.

    Raises SettingsError where another program has the port.
    """
    try:
        server = PhotoServer(collection.photos, collection.port, collection.faults, robots_txt=collection.robots_txt)
    except OSError as error:
        if not _is_served(collection):
            raise SettingsError(
                f"port {collection.port}, which the photo lists name, is taken by another program: stop it, or delete "
                f"{collection.folder}, and the lists are made anew with a free port ({error.strerror})"
            ) from error
        yield
        return
    with server:
        _token_file(collection).write_text(secrets.token_hex())
        yield


def _is_served(collection: Collection) -> bool:
    """Whether the server on the collection's port has its token."""
    with closing(HTTPConnection("127.0.0.1", collection.port, timeout=TIMEOUT)) as connection:  # past any proxy
        try:
            own = _token_file(collection).read_bytes()
            connection.request("GET", f"/{TOKEN_FILE}")
            answer = connection.getresponse()
            return answer.status == 200 and answer.read(len(own) + 1) == own
        except (OSError, HTTPException):
            return False


def _token_file(collection: Collection) -> Path:
    return collection.photos / TOKEN_FILE
