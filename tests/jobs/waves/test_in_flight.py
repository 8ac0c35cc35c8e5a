"""Waves side by side: all are done, a failure lets the others end, and SIGTERM drops what is at work."""

import os
import signal
import threading
import time

import pytest

from facejoin.jobs.store.errors import SPARK_ERRORS
from facejoin.jobs.waves.in_flight import Stopped, droppable, in_flight


def test_every_wave_is_worked_on_once_two_at_a_time(spark):
    together = threading.Barrier(2)

    def work(wave):
        together.wait(60)
        return wave

    assert sorted(in_flight(spark, range(6), work)) == [*range(6)]


def test_a_wave_that_fails_lets_the_one_beside_it_end_and_begins_no_other(spark):
    failed, ended = threading.Event(), []

    def work(wave):
        if wave == 0:
            failed.set()
            raise ZeroDivisionError
        failed.wait(60)
        ended.append(wave)

    with pytest.raises(ZeroDivisionError):
        [*in_flight(spark, range(4), work)]
    assert ended == [1]


def test_sigterm_drops_the_tasks_at_work_and_says_what_is_kept(spark, tmp_path):
    def work(wave):
        if wave >= 2:
            with droppable(spark):
                spark.range(1).mapInArrow(_until_killed(str(tmp_path / "reached")), "id long").collect()

    def tell():
        while not (tmp_path / "reached").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=tell, daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match="stopped by SIGTERM: 2 waves are kept") as stopped:
        [*in_flight(spark, range(9), work)]
    assert stopped.value.exit_status == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert not isinstance(stopped.value, SPARK_ERRORS)


def _until_killed(reached):
    def stage(batches):
        for batch in batches:
            open(reached, "w").close()
            while True:
                time.sleep(0.1)
            yield batch

    return stage
