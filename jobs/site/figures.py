"""Figures as SVG: the same numbers give the same bytes. Their text stays text, so that a name of any script is shown
in whatever font its reader has."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facejoin.jobs.site.spread import NEARLY_CERTAIN, LogNormal, Spread, log_normal
from facejoin.jobs.site.tally import PersonTally, Tally, rank_correlation
from facejoin.jobs.store.distribution import Distribution

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "facejoin",  # else element ids are drawn by lot
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
}
MATCH, FALSE, FIT = "#0b6e69", "#e08a1e", "red"
MOST_PEOPLE = 40  # of the bar chart
LONGEST_NAME = 28  # characters
TOLD = ("0.2", "0.5", "0.9")  # thresholds of which it is said how many faces reach them
NOT_VISIBLE = 0.001  # share of the faces beyond the end of the axis; the study cut its own off at 0.5
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"  # XML has no control characters


@dataclass(frozen=True)
class SiteFigure:
    file: str  # below the site
    title: str
    alt: str  # what is to be seen, in words
    caption: str
    svg: str


def site_figures(tally: Tally) -> list[SiteFigure]:
    return [draw_confidences(tally), draw_training(tally), draw_people(tally)]


def draw_confidences(tally: Tally) -> SiteFigure:
    """The study's Figure 6 and below it the same of the matches alone; similarities beside both: confidences that pile
    up near 0 or 1 tell little apart."""
    matches, faces = tally.confidences, tally.all_confidences
    rows = 1 if faces is None else 2
    return SiteFigure(
        file="figures/confidences.svg",
        title="Confidence",
        alt=f"{_of_all_faces(faces)}Two density histograms of {_number(matches.count, 'match', 'matches')}."
        f"{_range(matches)}{_curve(matches.fit)}",
        caption=_all_faces_caption(faces)
        + "Density of the matches’ confidences, with the log-normal fitted to them in red, and of their similarities."
        + ("" if matches.fit else " No log-normal can be fitted to so few different confidences.")
        + (f" {matches.certain:.1%} of the confidences are {NEARLY_CERTAIN} or more." if matches.certain else ""),
        svg=_svg(partial(_confidence_panels, tally, rows), (9, 0.2 + 3.2 * rows)),
    )


def draw_training(tally: Tally) -> SiteFigure:
    """The study's Figure 7: whether people with more training images are found more often, or more surely."""
    found = [person for person in tally.people if person.confidence is not None]
    panels = [("mean confidence", "confidence", found), ("number of matches", "matches", tally.people)]
    without = len(tally.people) - len(found)
    told = "; ".join(f"{label}: {_correlation(people, field)}" for label, field, people in panels)
    return SiteFigure(
        file="figures/training.svg",
        title="Training images",
        alt=f"Two scatter plots over the percentile rank of the number of training images. {told}.",
        caption="One point a person: percentile rank of the number of training images (1 has the most) against the "
        "mean confidence and the number of matches."
        + (f" {_number(without, 'person', 'people')} without a match cannot be in the first." if without else ""),
        svg=_svg(partial(_training_panels, panels), (9, 3.4)),
    )


def draw_people(tally: Tally) -> SiteFigure:
    """Each person's matches, and how many false ones to expect among them."""
    shown = tally.people[:MOST_PEOPLE]
    told = any(person.expected_false is not None for person in shown)
    beside = " beside the false ones to be expected if every face were a stranger’s" if told else ""
    most = f" Most: {_name(shown[0].person)} with {shown[0].matches:,}." if shown and shown[0].matches else ""
    return SiteFigure(
        file="figures/people.svg",
        title="Matches per person",
        alt=f"Bar chart of the matches of {_number(len(shown), 'person', 'people')}{beside}.{most}",
        caption=f"Matches of each person{beside}."
        + ("" if told else " How many are false cannot be told: too few strangers are known.")
        + (
            f" The {len(shown)} with the most of {len(tally.people):,} people."
            if len(tally.people) > len(shown)
            else ""
        ),
        svg=_svg(partial(_people_bars, shown, told), (9, 1.1 + 0.38 * max(len(shown), 2))),
    )


def _svg(draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """size: width and height in inches of 72 points."""
    made = io.StringIO()
    with style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts count, not those here
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(made, format="svg", metadata={"Date": None, "Creator": None})
    return made.getvalue()


def _confidence_panels(tally: Tally, rows: int, figure: Figure) -> None:
    panels = figure.subplots(rows, 2, squeeze=False)
    left, right = panels[-1]
    if tally.all_confidences is not None and tally.all_similarities is not None:
        _all_faces(panels[0][0], tally.all_confidences, "confidence of all faces compared")
        _all_faces(panels[0][1], tally.all_similarities, "similarity of all faces compared")
        _fit(panels[0][0], _fit_of(tally.all_confidences))
    within = "" if rows == 1 else " of the matches"
    _histogram(left, tally.confidences, f"confidence{within}")
    _histogram(right, tally.similarities, f"similarity{within}")
    _fit(left, tally.confidences.fit)


def _all_faces(axes: Axes, faces: Distribution, name: str) -> None:
    """Up to where hardly any are left."""
    counts = np.array(faces.counts)
    edges = faces.lowest + faces.width * np.arange(len(counts) + 1)
    share = np.cumsum(counts) / counts.sum()
    first, last = int(np.argmax(counts > 0)), int(np.argmax(share >= 1 - NOT_VISIBLE)) + 1
    axes.set(xlabel=name, ylabel="density")
    axes.stairs(counts / counts.sum() / faces.width, edges, fill=True, color=MATCH, alpha=0.75)
    axes.set_xlim(edges[first], edges[last])


def _histogram(axes: Axes, values: Spread, name: str) -> None:
    axes.set(xlabel=name, ylabel="density")
    if values.count == 0:
        _say(axes, "no matches")
        return
    axes.stairs(values.counts / values.count / np.diff(values.edges), values.edges, fill=True, color=MATCH, alpha=0.75)
    axes.set_xlim(values.edges[0], values.edges[-1])


def _fit(axes: Axes, fit: LogNormal | None) -> None:
    """Over the histogram, which it may leave upwards."""
    if fit is None:
        return
    (low, high), (_, top) = axes.get_xlim(), axes.get_ylim()
    x = np.linspace(max(low, (high - low) / 1_000), high, 1_000)
    density = fit.density(x)
    axes.plot(x, density, color=FIT, label="log-normal")
    axes.set_ylim(0, max(top, min(1.05 * density.max(), 2 * top)))
    axes.legend(loc="best", frameon=False)


def _fit_of(faces: Distribution) -> LogNormal | None:
    return log_normal(faces.log_mean, faces.log_deviation, faces.deviation)


def _training_panels(panels: Sequence[tuple[str, str, Sequence[PersonTally]]], figure: Figure) -> None:
    for axes, (label, field, people) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.set(xlabel="percentile rank of training images", ylabel=label, xlim=(-0.03, 1.03))
        axes.set_title(_correlation(people, field), fontsize=9)
        values = [getattr(person, field) for person in people]
        axes.scatter([p.rank for p in people], values, s=18, color=MATCH, alpha=0.6, lw=0, clip_on=False)
        if not people:
            axes.set_ylim(0, 1)
            _say(axes, "no matches")
        if field == "matches":
            axes.set_ylim(0, 1.05 * max([1, *values]))
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _people_bars(people: Sequence[PersonTally], told: bool, figure: Figure) -> None:
    axes = figure.subplots()
    rows, height = np.arange(len(people)), 0.4 if told else 0.7
    accepted = axes.barh(rows - told * height / 2, [p.matches for p in people], height, color=MATCH, label="matches")
    axes.bar_label(accepted, [f"{p.matches:,}" for p in people], padding=3, fontsize=8)
    if told:
        expected = [p.expected_false or 0.0 for p in people]
        false = axes.barh(rows + height / 2, expected, height, color=FALSE, label="false ones expected")
        axes.bar_label(false, [f"{value:.2g}" for value in expected], padding=3, fontsize=8)
        axes.legend(loc="lower right", frameon=False)
    axes.set_yticks(rows, [_name(person.person) for person in people])
    axes.set(xlabel="matches", xlim=(0, None) if any(p.matches for p in people) else (0, 1))
    axes.set_ylim(len(people) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not people:
        _say(axes, "nobody")


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.4")


def _correlation(people: Sequence[PersonTally], field: str) -> str:
    rho = rank_correlation(np.array([p.rank for p in people]), np.array([getattr(p, field) for p in people]))
    return "no rank correlation can be told" if rho is None else f"Spearman’s ρ {rho:z.2f}"


def _range(values: Spread) -> str:
    if values.count == 0:
        return ""
    return f" Confidences from {values.least:.4g} to {values.most:.4g}, median {values.median:.4g}."


def _curve(fit: LogNormal | None) -> str:
    return f" In red a log-normal with μ {np.log(fit.scale):.3g} and σ {fit.shape:.3g}." if fit else ""


def _of_all_faces(faces: Distribution | None) -> str:
    if faces is None:
        return ""
    return f"Two density histograms of {_number(sum(faces.counts), 'face', 'faces')} compared.{_curve(_fit_of(faces))} "


def _all_faces_caption(faces: Distribution | None) -> str:
    if faces is None:
        return ""
    told = ", ".join(f"{faces.above[at]:.2%} are {at} or more" for at in TOLD)
    return (
        f"Above, all {_number(sum(faces.counts), 'face', 'faces')} compared, each with its confidence for whom it "
        f"is most like: mean {faces.mean:.3g}, standard deviation {faces.deviation:.3g}; {told}. Below, the matches. "
    )


def _name(person: str) -> str:
    """As the page shows it, without what no line of text can hold."""
    shown = "".join(letter if letter.isprintable() else UNPRINTABLE for letter in person.replace("_", " "))
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "…"


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
