"""The `facejoin` command: one subcommand a job. Exit status 0 done, 1 the job failed, 2 bad arguments or settings.

A job's command returns its report, for `run`. (Typer evaluates what is annotated, and reports take seconds to import.)
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from facejoin.cli import reports, status_report
from facejoin.cli.evaluate import evaluate
from facejoin.cli.options import Config, Out, WarehouseDir, typed, write_report
from facejoin.conf.settings import GalleryKind, Settings, SettingsError, load_settings, validated
from facejoin.jobs.store.errors import SPARK_ERRORS, JobError, one_line
from facejoin.udfs.vision.engines.errors import DeviceError, WeightsError
from facejoin.udfs.vision.engines.weights import WEIGHTS

app = typer.Typer(
    help="Find the people of a gallery in a photo collection of any size, and show where each was seen.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # a wrong option is told in lines, not in a box
)

app.add_typer(evaluate, name="evaluate")

DemoDir = Annotated[Path, typer.Option("--out", help="Folder of its collection, tables, page and report.json.")]
Site = Annotated[Path, typer.Option("--site", help="Folder of the page.")]


@app.command()
def weights(
    name: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(WEIGHTS)}; all that are set if left out.")
    ] = None,
    config: Config = None,
    sha256: Annotated[str | None, typer.Option(help="The hash you trust, where none is published.")] = None,
) -> None:
    """Fetch weights into the cache folder and check their SHA-256."""
    from facejoin.jobs.downloads.weights import fetch_needed_weights, fetch_weights

    settings = load_settings(config)
    if name is None and sha256 is not None:
        raise SettingsError("--sha256 was given without a name: expected the weights that it is the hash of")
    if name is None:
        reports.weights(fetch_needed_weights(settings.networks))
    else:
        reports.weights([fetch_weights(name, Path(settings.cache), sha256)])


@app.command()
def manifest(
    sources: Annotated[list[str], typer.Argument(help="Photo lists: files, folders or globs (bz2, gz, plain).")],
    config: Config = None,
    warehouse: WarehouseDir = None,
    out: Out = None,
) -> Any:
    """Photo lists → photos and quarantine."""
    from facejoin.jobs.manifest import manifest as job

    settings = load_settings(config, warehouse=warehouse)
    done = job(*_session(settings), settings.manifest, sources)
    reports.manifest(done)
    write_report(out, done)
    return done


@app.command()
def crawl(
    statuses: Annotated[
        list[str] | None,
        typer.Argument(help="With --retry: outcomes that are tried again. Default: what failed in passing."),
    ] = None,
    config: Config = None,
    warehouse: WarehouseDir = None,
    out: Out = None,
    retry: Annotated[bool, typer.Option("--retry", help="Also photos whose download failed in passing.")] = False,
    attempts: Annotated[
        int | None, typer.Option(min=1, help="With --retry: but for photos that were tried so often.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Photos, at most.")] = None,
    waves: Annotated[int | None, typer.Option(min=1, help="Waves, at most.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only so many photos of all, drawn by lot, and the same ones every time.")
    ] = None,
) -> Any:
    """Download the photos, find, align and embed the faces in them."""
    from facejoin.jobs.crawl import crawl as job
    from facejoin.jobs.waves.asked import Asked

    settings = load_settings(config, warehouse=warehouse)
    asked = Asked(limit, waves, sample, retry, tuple(statuses or ()), attempts)
    asked.check()
    report = job(*_session(settings), settings, asked)
    reports.crawl(report)
    write_report(out, report)
    return report


@app.command()
def enroll(
    gallery: Annotated[str, typer.Argument(help="Folder with a folder of photos for each person.")],
    config: Config = None,
    warehouse: WarehouseDir = None,
    out: Out = None,
    kind: Annotated[str | None, typer.Option(help=f"One of {', '.join(get_args(GalleryKind))}.")] = None,
    cohort: Annotated[str | None, typer.Option(help="Folder of strangers' photos, to learn how they score.")] = None,
    nonfaces: Annotated[
        str | None,
        typer.Option(help="Against false alarms: folder of photos without faces, file of `nonfaces`, delivered, none."),
    ] = None,
    strict: Annotated[
        bool | None, typer.Option("--strict/--no-strict", help="Refuse a gallery in which the audit finds anything.")
    ] = None,
) -> Any:
    """Train a gallery on photos of its people."""
    from facejoin.jobs.enroll import enroll as job

    settings = _with(
        load_settings(config, warehouse=warehouse), "enroll", kind=kind, strict=strict, cohort=cohort, nonfaces=nonfaces
    )
    report = job(*_session(settings), settings, gallery)
    reports.enroll(report, typed("enroll", gallery, *reports.NONFACES.split(), config=config, warehouse=warehouse))
    write_report(out, report)
    return report


@app.command()
def nonfaces(
    folder: Annotated[str, typer.Argument(help="Photos without faces, at any depth.")],
    file: Annotated[Path, typer.Argument(help="File of vectors to write, *.npz.")],
    config: Config = None,
    out: Out = None,
) -> None:
    """Photos without faces → vectors that enroll --nonfaces FILE learns from."""
    from facejoin.jobs.nonfaces import nonfaces as job
    from facejoin.jobs.store.session import spark_session

    settings = load_settings(config)
    report = job(spark_session(settings.spark), settings.networks, folder, file)
    reports.nonfaces(report)
    write_report(out, report)


@app.command()
def match(
    config: Config = None,
    warehouse: WarehouseDir = None,
    out: Out = None,
    threshold: Annotated[float | None, typer.Option(help="Of the score; the study's γ.")] = None,
    fpir: Annotated[float | None, typer.Option(help="Share of strangers' faces that may be matched.")] = None,
    max_false_matches: Annotated[
        float | None, typer.Option(help="False matches to be expected at most over all faces of the collection.")
    ] = None,
    keep_vectors: Annotated[
        bool | None,
        typer.Option("--keep-vectors/--drop-vectors", help="Of faces that match nobody, once all photos are crawled."),
    ] = None,
) -> Any:
    """Compare every face with every person of the gallery enrolled last."""
    from facejoin.jobs.match import match as job

    settings = load_settings(config, warehouse=warehouse)
    asked = {"threshold": threshold, "fpir": fpir, "max_false_matches": max_false_matches}
    if any(value is not None for value in asked.values()):  # all three take the place of what the file says
        settings = _replaced(settings, "match", asked)
    settings = _with(settings, "match", keep_vectors=keep_vectors)
    report = job(*_session(settings), settings)
    reports.match(report, typed("enroll", "GALLERY", *reports.COHORT.split(), config=config, warehouse=warehouse))
    write_report(out, report)
    return report


@app.command()
def publish(
    config: Config = None, warehouse: WarehouseDir = None, out: Out = None, site: Site = Path("build/site")
) -> Any:
    """Write the JSON files and the page."""
    from facejoin.jobs.publish import publish as job

    settings = load_settings(config, warehouse=warehouse)
    report = job(*_session(settings), settings, site)
    reports.publish(report)
    write_report(out, report)
    return report


@app.command()
def run(
    sources: Annotated[list[str], typer.Argument(help="Photo lists: files, folders or globs (bz2, gz, plain).")],
    gallery: Annotated[str, typer.Option(help="Folder with a folder of photos for each person.")],
    config: Config = None,
    warehouse: WarehouseDir = None,
    site: Site = Path("build/site"),
    out: Out = None,
) -> None:
    """All jobs in turn: manifest, enroll, crawl, match, publish. A gallery that cannot be enrolled ends it before the
    crawl does."""
    done = {
        "manifest": manifest(sources, config, warehouse),
        "enroll": enroll(gallery, config, warehouse),
        "crawl": crawl(config=config, warehouse=warehouse),
        "match": match(config, warehouse),
        "publish": publish(config, warehouse, site=site),
    }
    write_report(out, done)


@app.command()
def forget(
    photo: Annotated[list[str] | None, typer.Option(help="A photo's id; may be given more than once.")] = None,
    owner: Annotated[list[str] | None, typer.Option(help="The NSID of an owner of photos; alike.")] = None,
    person: Annotated[list[str] | None, typer.Option(help="A person's name in the gallery; alike.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="A list of them, a line each: photo ID, owner NSID, person NAME.")
    ] = None,
    config: Config = None,
    warehouse: WarehouseDir = None,
    site: Annotated[Path | None, typer.Option(help="A page to write anew; those of publish are known.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds for running jobs to end.")] = 3600.0,
    in_advance: Annotated[
        bool, typer.Option("--in-advance", help="Also who is not found yet: later jobs leave them out.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Kept on the list; it must not name who asks out.")] = None,
    out: Out = None,
) -> None:
    """Somebody asks out: suppress photos, owners and people, erase what tables, their histories and pages hold of them,
    and search every file for what is left."""
    from facejoin.jobs.erasure.asked import asked_for
    from facejoin.jobs.forget import forget as job

    asked = asked_for(photo or (), owner or (), person or (), file)
    settings = load_settings(config, warehouse=warehouse)
    report = job(*_session(settings), settings, asked, site, wait, in_advance, reason)
    reports.forgotten(report)
    write_report(out, report)
    if report.failure:
        raise JobError(report.failure)


@app.command()
def status(
    config: Config = None,
    warehouse: WarehouseDir = None,
    out: Out = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Also write it to this file in Prometheus's text format, *.prom.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve it there in that format until Ctrl-C; 0: any free port.")
    ] = None,
    listen: Annotated[str, typer.Option(help="With --port: the address; 0.0.0.0 for other machines.")] = "127.0.0.1",
    every: Annotated[
        float | None, typer.Option(min=1, help="Look again after so many seconds until Ctrl-C; with --port after 60.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw cores and memory over time into this file, *.svg, *.png or *.pdf.")
    ] = None,
) -> None:
    """How far the crawl is, what it takes and what is to come: while it runs, from any machine, or afterwards."""
    from facejoin.jobs.status import status as job
    from facejoin.jobs.watch.metrics import LastStatus, serve_metrics, write_metrics
    from facejoin.jobs.watch.plot import check_format, draw_load

    settings, last = load_settings(config, warehouse=warehouse), LastStatus()
    if plot is not None:
        check_format(plot)
    if port is not None:
        reports.viewing(f"http://{listen}:{serve_metrics(last, port, listen)}/metrics")
    _, tables = _session(settings)

    def tell(report: Any) -> None:
        last.report = report
        status_report.status(report)
        write_report(out, report)
        if metrics is not None:
            write_metrics(report, metrics)
        if plot is not None:
            draw_load(report, plot)

    status_report.watch(lambda: job(tables, settings), tell, 60.0 if port is not None and every is None else every)


@app.command()
def demo(
    out: DemoDir = Path("build/demo"),
    photos: Annotated[Path | None, typer.Option(help="Your own: known/Name/*.jpg and unknown/Name/*.jpg.")] = None,
    known: Annotated[int | None, typer.Option(min=1, help="Only the first so many known people.")] = None,
    unknown: Annotated[int | None, typer.Option(min=1, help="Only the first so many unknown people.")] = None,
    seed: Annotated[int, typer.Option(help="Which half of each known person's photos is enrolled.")] = 0,
    config: Config = None,
) -> None:
    """The whole flow on a collection whose truth is known, and how well it did."""
    from facejoin.jobs.store.session import SHORT_RUN, spark_session

    given = load_settings(config)
    with ThreadPoolExecutor(1) as starting:
        spark = starting.submit(spark_session, given.spark | SHORT_RUN)  # while the rest is imported and prepared
        from facejoin.demo.run import SETTINGS_FILE, demo_settings, prepare, run_demo

        settings = demo_settings(given, out.absolute(), own_photos=photos is not None)
        collection = prepare(settings, out, photos, known, unknown, seed)
        report, steps = run_demo(spark.result(), settings, collection, out.absolute())
    again = typed("enroll", out / "collection" / "gallery", config=out / SETTINGS_FILE, warehouse=None)
    reports.demo(report, steps, again)


@app.command()
def view(
    folder: Annotated[Path, typer.Argument(help="A site, or a demo's folder, whose photos are then served too.")],
    port: Annotated[int, typer.Option(help="0: any free one.")] = 0,
) -> None:
    """Serve the page on this machine until interrupted."""
    from facejoin.demo.collection import TRUTH_FILE, load_collection
    from facejoin.demo.serving import served
    from facejoin.viewer.server import serve_site

    collection = folder / "collection"
    with ExitStack() as stack:
        site = stack.enter_context(serve_site(folder / "site" if (folder / "site").is_dir() else folder, port))
        if (collection / TRUTH_FILE).exists():
            stack.enter_context(served(load_collection(collection)))
        reports.viewing(site.url)
        site.wait()


def main() -> None:
    """The console script: every expected failure is one line on stderr and an exit status."""
    try:
        app()
    except SettingsError as error:
        _fail(error, 2)
    except JobError as error:
        _fail(error, error.exit_status)
    except (WeightsError, DeviceError, *SPARK_ERRORS) as error:
        _fail(error, 1)


def _fail(error: Exception, status: int) -> None:
    line = one_line(error) if isinstance(error, SPARK_ERRORS) else str(error)
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"facejoin: {line}")
    sys.exit(status)


def _session(settings: Settings) -> tuple[Any, Any]:
    """(Spark session, warehouse)."""
    from facejoin.jobs.store.session import spark_session
    from facejoin.jobs.store.warehouse import Warehouse

    spark = spark_session(settings.spark)
    return spark, Warehouse(spark, settings.warehouse)


def _with(settings: Settings, stage: str, **values: Any) -> Settings:
    """Command-line values that are given, validated like the file's."""
    return _replaced(settings, stage, {key: value for key, value in values.items() if value is not None})


def _replaced(settings: Settings, stage: str, values: dict[str, Any]) -> Settings:
    merged = settings.model_dump(mode="json")
    merged[stage] |= values
    return validated(merged, "command line")


if __name__ == "__main__":
    main()
