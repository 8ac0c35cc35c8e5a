"""What the command line says of each job's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:  # the reports' own modules take seconds to import
    from facejoin.demo.judgement import DemoReport
    from facejoin.demo.run import Steps
    from facejoin.jobs.crawl import CrawlReport
    from facejoin.jobs.downloads.weights import FetchedWeights
    from facejoin.jobs.enroll import EnrollReport
    from facejoin.jobs.forget import ForgetReport
    from facejoin.jobs.nonfaces import NonfacesReport
    from facejoin.jobs.publish import PublishReport
    from facejoin.jobs.store.list_report import ListReport
    from facejoin.jobs.store.match_report import FalseMatches, MatchReport

console = Console(soft_wrap=True, highlight=False, markup=False)
MOST_UNUSED = 20  # photos of a gallery that are named; the JSON report names all
MOST_FINDINGS = 20  # of its audit, alike
MOST_PEOPLE = 20  # of a run's matches
CONFIDENCES = ("0.2", "0.5", "0.9")  # thresholds of which it is said how many faces reach them
NONFACES, COHORT = "--nonfaces DIR", "--cohort DIR"  # what to add to an enroll command, where a hint names one


def weights(fetched: Sequence[FetchedWeights]) -> None:
    for one in fetched:
        console.print(f"{one.path} {'is there' if one.was_there else 'fetched'}, SHA-256 right; {one.licence}")


def manifest(reports: Sequence[ListReport]) -> None:
    for report in reports:
        bad = sum(report.quarantined.values())
        again = " (read before)" if report.already_read else ""
        console.print(f"{report.file}: {report.lines} lines = {report.photos} photos + {bad} quarantined{again}")
        if report.quarantined:
            console.print(f"  quarantined: {_counts(report.quarantined)}")
        if report.excluded:
            console.print(f"  photos not to download: {_counts(report.excluded)}")


def crawl(report: CrawlReport) -> None:
    console.print(f"crawl: {report.new_results} new results; {report.photos} photos, {report.remaining} still to do")
    console.print(f"  {_counts(report.statuses)}")
    if report.recorded:
        console.print(f"  waves of a crawl that was killed, now on record: {', '.join(report.recorded)}")
    if report.doubles:
        console.print(f"  rows dropped, as two crawls had written them: {report.doubles}")
    for sha256, owners in report.placeholders.items():
        console.print(f"  learnt to be a placeholder, for photos of {owners} owners are the same file: {sha256}")
    for wave in report.held:
        console.print(f"  left to another crawl: {wave}")
    if report.new_results:
        rate = report.new_results / report.seconds["total"]
        console.print(f"  {rate:.1f} photos/s; {_shares(report.seconds)}")


def enroll(report: EnrollReport, with_filter: str) -> None:
    """with_filter: the command that enrols with a filter of false faces."""
    again = " (enrolled before)" if report.already_enrolled else ""
    console.print(
        f"gallery {report.gallery}: {report.people} people, {report.references} references, {report.kind}{again}"
    )
    console.print(f"  threshold {report.threshold:.3f}, from: {report.threshold_from}")
    for photo in report.unused[:MOST_UNUSED]:
        console.print(
            f"  not used: {photo['file']}: {photo['verdict']}" + (f" ({photo['detail']})" if photo["detail"] else "")
        )
    if len(report.unused) > MOST_UNUSED:
        console.print(f"  and {len(report.unused) - MOST_UNUSED} more photos not used; --out FILE lists them all")
    _audit(report.audit)
    if not report.nonface_photos:
        console.print(f"  no filter of false faces; with one: {with_filter}")
    _unused_nonfaces(report.unused_nonface_photos)


def nonfaces(report: NonfacesReport) -> None:
    console.print(f"{report.file}: {report.vectors} vectors of {report.photos} photos, for {report.embedder}")
    console.print(f"  SHA-256 {report.sha256}")
    _unused_nonfaces(report.unused)


def _unused_nonfaces(photos: Sequence[Mapping[str, Any]]) -> None:
    for photo in photos[:MOST_UNUSED]:
        console.print(f"  not used as a photo without faces: {photo['file']}: {photo['verdict']} ({photo['detail']})")


def _audit(findings: Sequence[Mapping[str, Any]]) -> None:
    """Certain ones are photos not used, which are named already."""
    open_ones = [finding for finding in findings if not finding["certain"]]
    for finding in open_ones[:MOST_FINDINGS]:
        console.print(f"  audit: {finding['kind']}: {' and '.join(finding['files'])}: {finding['reason']}")
    if len(open_ones) > MOST_FINDINGS:
        console.print(f"  and {len(open_ones) - MOST_FINDINGS} more findings of the audit; --out FILE lists them all")


def match(report: MatchReport, with_cohort: str) -> None:
    """with_cohort: the command that enrols with strangers."""
    again = " (matched before)" if report.already_matched else ""
    found = f"{report.matches} matches of {report.people_found} people among {report.faces} faces"
    console.print(f"match: {found}, threshold {report.threshold:.3f}{again}, from: {report.threshold_from}")
    if report.not_faces:
        console.print(f"  {report.not_faces} detections are taken for no faces")
    if report.taken:
        console.print(f"  {report.taken} faces resemble only a person who is another face of the photo")
    if report.without_vectors:
        console.print(f"  {report.without_vectors} faces have no vectors any more and were not compared")
    if report.dropped_vectors:
        console.print(f"  vectors of {report.dropped_vectors} faces that match nobody are dropped (match.keep_vectors)")
    if (spread := report.confidences) is not None:
        above = ", ".join(f"{spread.above[at]:.2%} from {at}" for at in CONFIDENCES)
        console.print(f"  confidence of all faces compared: mean {spread.mean:.3g} ± {spread.deviation:.3g}; {above}")
    for warning in report.warnings:
        console.print(f"  warning: {warning}")
    if report.false_matches is None:
        console.print(f"  how many are false cannot be told: too few strangers are known; for more: {with_cohort}")
    else:
        _false_matches(report.false_matches, report.people)


def _false_matches(false: FalseMatches, accepted: Mapping[str, int]) -> None:
    beyond = "; extrapolated beyond the highest of them" if false.extrapolated else ""
    console.print(
        f"  false matches expected: {false.expected:.2g}, 95 % interval {false.low} to {false.high}; "
        f"from {false.strangers_from}{beyond}"
    )
    table = Table("person", "accepted", "false ones expected")
    most = sorted(accepted, key=lambda person: (-accepted[person], person))[:MOST_PEOPLE]
    for person in most:
        table.add_row(person, str(accepted[person]), f"{false.people[person]:.2g}")
    console.print(table)
    if len(accepted) > MOST_PEOPLE:
        console.print(f"  and {len(accepted) - MOST_PEOPLE} more people; --out FILE lists them all")


def publish(report: PublishReport) -> None:
    again = " (published before)" if report.already_published else ""
    console.print(f"page: {report.site}/index.html, {report.pictures} pictures of {report.people} people{again}")
    console.print(f"JSON: {report.site}/results.json, {report.site}/matches.json")
    console.print(f"figures in {report.site}: {', '.join(report.figures)}")


def forgotten(report: ForgetReport) -> None:
    for name, rows in report.found.items():
        console.print(f"{name}: {rows} rows found and erased; on the list of suppressed")
    if report.found:
        console.print(f"  rows by table: {_counts(report.rows)}; {report.vectors} vectors")
        for site in report.sites:
            console.print(f"  written anew: {site}/index.html")
        left = sum(report.traces.values())
        console.print(f"  searched {report.files} files, {report.bytes} bytes, for what they held: {left} found")


def demo(report: DemoReport, steps: Steps, enroll_again: str) -> None:
    """enroll_again: the command that enrols its gallery, options to be added."""
    manifest(steps.lists)
    enroll(steps.enroll, f"{enroll_again} {NONFACES}")
    crawl(steps.crawl)
    match(steps.match, f"{enroll_again} {COHORT}")
    console.print(_people(report))
    console.print(f"faults injected: {_counts(report.expected_statuses)}")
    rates = ", ".join(f"{_percent(value)} at FPIR {float(fpir):.1%}" for fpir, value in report.fnir.items())
    console.print(f"rank-1 {_percent(report.rank1)}; missed (FNIR): {rates}")
    console.print(f"{report.photos_per_second:.1f} photos/s; {_shares(report.seconds)}")
    publish(steps.publish)
    console.print(f"Look at it, photos included: facejoin view {report.site.removesuffix('/site')}")


def viewing(url: str) -> None:
    console.print(f"{url} until Ctrl-C")


def _people(report: DemoReport) -> Table:
    table = Table("person", "in photos", "found", "false", "precision", "recall")
    for name, person in report.people.items():
        counts = (str(count) for count in (person.truth, person.found, person.false))
        table.add_row(name, *counts, _ratio(person.precision), _ratio(person.recall))
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _shares(seconds: Mapping[str, float]) -> str:
    steps = {step: spent for step, spent in seconds.items() if step != "total"}
    busy = sum(steps.values()) or 1.0
    return (
        "time: "
        + ", ".join(f"{step} {spent / busy:.0%}" for step, spent in steps.items())
        + f"; {seconds['total']:.0f} s in all"
    )


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"
