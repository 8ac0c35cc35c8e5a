"""On the path of a Python process, this makes marked bodies do to whoever decodes them what a faulty decoder would.

Python imports a module of this name when it starts, in a worker of Spark and in a process beside it as well.
"""

from __future__ import annotations

import os
import signal
import time

from facejoin.udfs.vision import decode

decode_with_exif = decode.decode_with_exif


def deadly(body: bytes, *arguments: object) -> object:
    if body.endswith(b"kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if body.endswith(b"hang"):
        time.sleep(3600)
    if body.endswith(b"grow"):
        grow()
    if body.endswith(b"raise"):
        raise LookupError("a decoder's own fault")
    return decode_with_exif(body, *arguments)  # type: ignore[arg-type]


def grow() -> None:
    """Up to 3 GB, slowly enough to be seen."""
    held = []
    for _ in range(60):
        held.append(b"x" * 50_000_000)
        time.sleep(0.05)


decode.decode_with_exif = deadly  # type: ignore[assignment]
