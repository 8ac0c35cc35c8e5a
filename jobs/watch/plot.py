"""What a crawl's workers took, over time: cores and memory, and each wave's part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facejoin.conf.settings import SettingsError
from facejoin.jobs.watch.report import GIGABYTE, LoadPoint, StatusReport, WaveLoad

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "facejoin",  # else element ids are drawn by lot
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "date.converter": "concise",
}
WIDTH, HEIGHT = 9.0, 7.5  # inches
BUSY, HAD, MOST = "#0b6e69", "0.5", "#e08a1e"
FORMATS = (".svg", ".png", ".pdf")


def draw_load(report: StatusReport, file: Path) -> None:
    """In the format of the file's ending: the study's Figure 3. Raises SettingsError where it cannot be written."""
    check_format(file)
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        cores, memory, waves = figure.subplots(3, 1, sharex=True)
        _cores(cores, report.load)
        _memory(memory, report.load)
        _waves(waves, report.wave_load)
        waves.set_xlabel("time (UTC)")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(file, metadata={"Date": None, "Creator": None} if file.suffix == ".svg" else None)
        except OSError as error:
            raise SettingsError(f"the plot {file} cannot be written: {error.strerror}") from error


def check_format(file: Path) -> None:
    """Raises SettingsError."""
    if file.suffix not in FORMATS:
        raise SettingsError(f"the plot {file} is of no known format: expected a file ending in {', '.join(FORMATS)}")


def _cores(axes: Axes, load: Sequence[LoadPoint]) -> None:
    axes.set(title="Cores", ylabel="cores")
    if not load:
        _say_nothing(axes)
        return
    times = _times([point.at for point in load])
    axes.fill_between(times, [point.busy for point in load], color=BUSY, alpha=0.25, lw=0)
    axes.plot(times, [point.busy for point in load], color=BUSY, marker=_marker(load), label="kept busy by workers")
    axes.plot(times, [point.cores for point in load], color=HAD, ls="--", marker=_marker(load), label="there")
    axes.set_ylim(0, None)
    axes.legend(loc="lower right", frameon=False)


def _memory(axes: Axes, load: Sequence[LoadPoint]) -> None:
    axes.set(title="Memory of a worker", ylabel="GB")
    if not load:
        _say_nothing(axes)
        return
    times = _times([point.at for point in load])
    most, mean = ([value / GIGABYTE for value in values] for values in _memories(load))
    axes.plot(times, most, color=MOST, marker=_marker(load), label="the largest")
    axes.plot(times, mean, color=BUSY, marker=_marker(load), label="mean")
    axes.set_ylim(0, None)
    axes.legend(loc="lower right", frameon=False)


def _memories(load: Sequence[LoadPoint]) -> tuple[list[float], list[float]]:
    return [point.memory_max for point in load], [point.memory_mean for point in load]


def _waves(axes: Axes, waves: Sequence[WaveLoad]) -> None:
    axes.set(title="Each wave, from its beginning to its end", ylabel="cores kept busy")
    if not waves:
        _say_nothing(axes)
        return
    began, ended = _times([wave.began for wave in waves]), _times([wave.ended for wave in waves])
    axes.hlines([wave.busy for wave in waves], began, ended, color=BUSY, lw=2)
    axes.set_ylim(0, None)


def _times(seconds: Sequence[float]) -> np.ndarray:
    """Since 1970, as dates."""
    return (np.array(seconds) * 1e3).astype("datetime64[ms]")


def _marker(load: Sequence[LoadPoint]) -> str:
    """A single point would be no line."""
    return "o" if len(load) == 1 else ""


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing is recorded", transform=axes.transAxes, ha="center", va="center", color="0.4")
