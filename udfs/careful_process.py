"""The process beside a worker that `careful` starts: photos in, rows out, until its connection is closed."""

from __future__ import annotations

import io
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from PIL import Image

from facejoin.udfs.careful import READY, found_batch, from_arrow, to_arrow
from facejoin.udfs.rows import analysis_row
from facejoin.udfs.task_networks import Loading
from facejoin.udfs.vision.engines.errors import DeviceError, WeightsError

SPARE_SECONDS = 10  # beyond what a worker grants: where the worker itself has gone, nobody else ends this process


def main(descriptor: int) -> None:
    first_to_go()
    with Connection(descriptor) as connection, suppress(EOFError):
        loading, seconds = Loading.model_validate_json(connection.recv_bytes()), int(connection.recv_bytes())
        try:
            networks = loading.load()
        except (WeightsError, DeviceError) as error:
            connection.send_bytes(str(error).encode())
            return
        networks.analyse([nobody()], networks.settings.decode.of_own_files())
        connection.send_bytes(READY)
        while True:
            bodies = [row["body"] for row in from_arrow(connection.recv_bytes())]
            signal.alarm(seconds + SPARE_SECONDS)
            rows = [analysis_row(found) for found in networks.analyse(bodies)]
            connection.send_bytes(to_arrow(found_batch(rows)))
            signal.alarm(0)


def first_to_go() -> None:
    """Where the machine's memory runs out, the system is to end this process and not the worker or its executor."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def nobody() -> bytes:
    """A photo that every network must be able to look at."""
    buffer = io.BytesIO()
    Image.new("RGB", (160, 120), "grey").save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main(int(sys.argv[1]))
