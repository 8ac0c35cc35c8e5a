"""A process of its own that decodes each file it is told to: what became of it, and what it cost by the system.

Input: a path a line. Output: JSON, a list a line: outcome, error, further bytes at the peak, seconds of the processor.
"""

import json
import sys
import time
from pathlib import Path

from facejoin.conf.settings import DecodeSettings
from facejoin.udfs.vision.decode import DecodeError, decode


def memory(kind: str) -> int:
    """Bytes: VmRSS now, VmHWM at the peak since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind))


def main() -> None:
    limits = DecodeSettings(min_bytes=0)
    for line in sys.stdin:
        body = Path(line.rstrip("\n")).read_bytes()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        before, start = memory("VmRSS"), time.process_time()
        try:
            outcome, error = "decoded", f"{decode(body, limits).shape}"
        except DecodeError as refused:
            outcome, error = refused.reason, str(refused)
        cost = memory("VmHWM") - before, time.process_time() - start
        sys.stdout.write(json.dumps([outcome, error, *cost]) + "\n")


if __name__ == "__main__":
    main()
