"""The gallery's audit within `enroll`: what is found is reported, what is certain is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from facejoin.conf.settings import EmbedSettings
from facejoin.jobs.gallery.reference_photos import ReferencePhoto
from facejoin.jobs.store.errors import JobError
from facejoin.udfs.recognition.audit.findings import AuditSet, Finding, audit
from facejoin.udfs.vision.embedding.embed import EMBEDDERS

MISLABELLED = "mislabelled"
MOST_NAMED = 3  # findings in the line that refuses a gallery


def audited(
    references: list[ReferencePhoto], embedder: EmbedSettings, strict: bool
) -> tuple[list[ReferencePhoto], tuple[Finding, ...]]:
    """References with an embedding are the usable ones; those that are certainly another person's lose theirs, the
    others keep their verdict and have what was found about them as their detail.

    Raises JobError where `strict` and anything was found.
    """
    findings = (*_same_file(references), *_findings(references, embedder))
    if strict and findings:
        raise JobError(_refusal(findings))
    remarks = _remarks(findings)
    wrong = {file for finding in findings if finding.certain for file in finding.files}
    return [_marked(reference, remarks, reference.file in wrong) for reference in references], findings


def _findings(references: list[ReferencePhoto], settings: EmbedSettings) -> tuple[Finding, ...]:
    usable = [reference for reference in references if reference.embedding is not None]
    if not usable:
        return ()
    embedder = EMBEDDERS[settings.model]
    return audit(_audit_set(usable), embedder.same_person, embedder.size)


def _audit_set(usable: list[ReferencePhoto]) -> AuditSet:
    people = tuple(sorted({reference.person for reference in usable}))
    row_of = {person: row for row, person in enumerate(people)}
    return AuditSet(
        vectors=np.array([reference.embedding for reference in usable], dtype=np.float32),
        owners=np.array([row_of[reference.person] for reference in usable]),
        people=people,
        files=tuple(reference.file for reference in usable),
        sharpness=np.array([reference.sharpness for reference in usable], dtype=float),
        yaw=np.array([reference.yaw for reference in usable], dtype=float),
    )


def _same_file(references: list[ReferencePhoto]) -> Iterator[Finding]:
    """Copies of one file in the folders of several people."""
    copies: dict[str, list[ReferencePhoto]] = defaultdict(list)
    for reference in references:
        copies[reference.sha256].append(reference)
    for group in copies.values():
        people = tuple(dict.fromkeys(reference.person for reference in group))
        if len(people) > 1:
            files = tuple(reference.file for reference in group)
            yield Finding("same_face", files, people, 1.0, "one file for several people; only its first one counts")


def _remarks(findings: tuple[Finding, ...]) -> dict[str, list[str]]:
    """File → what was found about it."""
    remarks: dict[str, list[str]] = defaultdict(list)
    for finding in findings:
        for file in finding.files:
            remarks[file].append(f"{finding.kind}: {finding.reason}")
    return remarks


def _marked(reference: ReferencePhoto, remarks: dict[str, list[str]], wrong: bool) -> ReferencePhoto:
    if reference.embedding is None or reference.file not in remarks:
        return reference
    detail = "; ".join(remarks[reference.file])
    if wrong:
        return replace(reference, verdict=MISLABELLED, detail=detail.removeprefix("mislabelled: "), embedding=None)
    return replace(reference, detail=detail)


def _refusal(findings: tuple[Finding, ...]) -> str:
    first = "; ".join(
        f"{' and '.join(finding.files)}: {finding.kind} ({finding.reason})" for finding in findings[:MOST_NAMED]
    )
    more = f"; and {len(findings) - MOST_NAMED} more" if len(findings) > MOST_NAMED else ""
    counted = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    return f"the gallery's audit has {counted}, and strict refuses any: {first}{more}"
