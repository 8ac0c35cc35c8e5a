"""The `facejoin evaluate` commands: how good it is on photos whose truth is known. None of them writes a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facejoin.cli import evaluation_reports as reports
from facejoin.cli.options import Config, Out, refuse_unwritable, write_report
from facejoin.conf.settings import Settings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

evaluate = typer.Typer(
    help="Measure how good it is, on photos whose truth is known.", no_args_is_help=True, rich_markup_mode=None
)

Images = Annotated[str, typer.Option("--images", help="Folder of the photos; any path Spark can read.")]


@evaluate.command()
def identification(
    gallery: Annotated[str, typer.Option(help="Folder with a folder of photos for each person.")],
    known: Annotated[str, typer.Option(help="Other photos of these people, laid out alike.")],
    unknown: Annotated[str, typer.Option(help="Photos of other people, laid out alike.")],
    kinds: Annotated[list[str] | None, typer.Option(help="Kinds of gallery, apart by commas. Default: all.")] = None,
    grid: Annotated[bool, typer.Option(help="Also smaller galleries, and fewer references a person.")] = True,
    config: Config = None,
    warehouse: Annotated[
        str | None, typer.Option("--warehouse", help="Whose suppressed people are left out. Default: nobody is.")
    ] = None,
    out: Out = None,
) -> None:
    """The study's test: are known people found among strangers? Beside --out FILE its curves are drawn, as PNG."""
    from facejoin.jobs.evaluate.identification import evaluate_identification, refuse_unknown_kinds
    from facejoin.jobs.folders.subjects import people_in
    from facejoin.jobs.store.suppressed import suppressed_among
    from facejoin.jobs.store.warehouse import Warehouse
    from facejoin.udfs.recognition.training.kinds import KINDS

    chosen = tuple(kind for given in kinds or () for kind in re.split(r"[,\s]+", given) if kind)
    refuse_unknown_kinds(chosen)
    settings = load_settings(config, warehouse=warehouse)
    refuse_unwritable(out)
    spark = _session(settings)
    suppressed = []
    if warehouse is not None:
        suppressed = suppressed_among(Warehouse(spark, settings.warehouse), people_in(spark, gallery))
    folders = (gallery, known, unknown)
    report, trials = evaluate_identification(spark, settings, folders, chosen or KINDS, grid, suppressed)
    reports.identification(report)
    write_report(out, report)
    if out is not None:
        from facejoin.jobs.evaluate.plots import draw

        draw(report, trials, out.with_suffix(".png"))


@evaluate.command()
def verification(
    images: Images,
    pairs: Annotated[Path, typer.Option(help="LFW's pairs.txt or pairsDevTest.txt, or a file like them.")],
    config: Config = None,
    out: Out = None,
) -> None:
    """LFW's test: do two photos show one person?"""
    from facejoin.jobs.evaluate.pairs import read_pairs
    from facejoin.jobs.evaluate.verification import evaluate_verification

    settings, tests = load_settings(config), read_pairs(pairs)
    refuse_unwritable(out)
    report = evaluate_verification(_session(settings), settings.networks, images, tests)
    reports.verification(report)
    write_report(out, report)


@evaluate.command()
def detection(
    images: Images,
    truth: Annotated[Path, typer.Option(help="JSON: [{file, width, height, boxes: [[x1, y1, x2, y2]]}].")],
    min_size: Annotated[int, typer.Option(help="Shorter side in pixels from which a face counts.")] = 1,
    config: Config = None,
    out: Out = None,
) -> None:
    """Recall, precision and false alarms on photos whose faces are known."""
    from facejoin.jobs.evaluate.detection import evaluate_detection, refuse_no_size
    from facejoin.jobs.evaluate.truth import read_truth

    refuse_no_size(min_size)
    settings, photos = load_settings(config), read_truth(truth)
    refuse_unwritable(out)
    report = evaluate_detection(_session(settings), settings.networks, images, photos, min_size)
    reports.detection(report)
    write_report(out, report)


def _session(settings: Settings) -> SparkSession:
    from facejoin.jobs.store.session import SHORT_RUN, spark_session

    return spark_session(SHORT_RUN | settings.spark)
