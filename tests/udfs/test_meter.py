"""What a worker takes, measured on real processes and told to a real keeper; no Spark."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing

import pytest

from facejoin.conf.settings import FetchSettings
from facejoin.udfs.meter import Meter, metered
from facejoin.udfs.web.hosts import Hosts, KeeperLine
from facejoin.udfs.web.readings import Reading
from facejoin.udfs.web.service import KeeperService

HERE = "127.0.0.1"
LARGE = 200 * 2**20  # bytes
WORK = "import time\nwhile time.process_time() < 1: pass"
HOLD = f"import sys; held = b'x' * {LARGE}; print(flush=True); sys.stdin.read()"


def test_processor_time_of_a_process_that_has_ended_is_its_workers() -> None:
    meter = Meter()
    subprocess.run([sys.executable, "-c", WORK], check=True)
    seconds, core_seconds, _ = meter.read()
    assert core_seconds > 0.9  # of 1; the system counts in hundredths
    assert seconds > 0.9
    assert meter.read()[1] < 0.9  # since then


def test_memory_of_a_process_that_the_worker_has_started_is_its_own() -> None:
    meter = Meter()
    _, _, before = meter.read()
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        _, _, together = meter.read()
        child.communicate()
    assert before > 0
    assert together > before + LARGE * 0.9


def test_a_task_tells_now_and_then_and_at_its_end() -> None:
    with KeeperService(FetchSettings(), HERE) as keeper, closing(_hosts(keeper)) as hosts:
        readings: list[Reading] = []
        with metered(Meter(), hosts, "0000-0003 a", seconds=0.01):
            while len(readings) < 2:
                readings += keeper.readings()
        with metered(Meter(), hosts, "0004-0007 b", seconds=60):
            pass
        while not any(reading.wave == "0004-0007 b" for reading in readings):
            readings += keeper.readings()
    assert {reading.wave for reading in readings} == {"0000-0003 a", "0004-0007 b"}
    assert [reading.wave for reading in readings].count("0004-0007 b") == 1
    assert len({reading.worker for reading in readings}) == 1
    assert all(reading.seconds > 0 and reading.memory > 0 for reading in readings)


def test_a_task_whose_keeper_has_gone_does_not_fail_of_its_meter() -> None:
    keeper = KeeperService(FetchSettings(), HERE)
    with closing(_hosts(keeper)) as hosts, metered(Meter(), hosts, "0000-0003 a", seconds=0.01):
        [teller] = _tellers()
        keeper.close()
        teller.join(30)
        assert not teller.is_alive()


@pytest.mark.parametrize("error", [ZeroDivisionError, GeneratorExit])
def test_what_ends_a_task_goes_through(error: type[BaseException]) -> None:
    with KeeperService(FetchSettings(), HERE) as keeper, closing(_hosts(keeper)) as hosts:
        with pytest.raises(error), metered(Meter(), hosts, "0000-0003 a", seconds=60):
            raise error
        while not (readings := keeper.readings()):
            pass
        assert len(readings) == 1


def test_without_a_keeper_nobody_is_told() -> None:
    with metered(Meter(), None, "0000-0003 a", seconds=0.01):
        assert _tellers() == []


def _tellers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "meter"]


def _hosts(keeper: KeeperService) -> Hosts:
    return Hosts(KeeperLine(keeper.place(HERE)), keep_alive=False)
