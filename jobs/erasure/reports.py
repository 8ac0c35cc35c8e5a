"""Reports in `runs`: without people who were forgotten, and true of lists that lost lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pyspark.sql import Row

from facejoin.conf.schemas import RUNS
from facejoin.jobs.erasure.found import Found
from facejoin.jobs.store.history import drop_history
from facejoin.jobs.store.list_report import counted
from facejoin.jobs.store.warehouse import Warehouse
from facejoin.udfs.traces.traces import Traces


def clean_reports(warehouse: Warehouse, found: Found, new_digests: Mapping[str, str]) -> None:
    """One commit, unless nothing is to be changed. new_digests: gallery → what takes its place."""
    rows = warehouse.read("runs").collect()
    lists = _true_lists(warehouse, found, rows)
    clean = [_renamed(_cleaned(row, found.traces, lists), new_digests) for row in rows]
    if clean == [row.asDict() for row in rows]:
        return
    warehouse.overwrite("runs", warehouse.spark.createDataFrame(clean, RUNS).coalesce(1))
    drop_history(warehouse, "runs")


def without_mentions(value: Any, traces: Traces) -> Any:
    """Of a report: without keys, items of lists and texts in which one of them stands."""
    if isinstance(value, dict):
        return {key: without_mentions(one, traces) for key, one in value.items() if not _mentions(key, traces)}
    if isinstance(value, list):
        return [without_mentions(one, traces) for one in value if not _mentions(one, traces)]
    return None if isinstance(value, str) and _mentions(value, traces) else value


def _mentions(value: Any, traces: Traces) -> bool:
    return bool(traces.in_text(json.dumps(value, ensure_ascii=False).encode()))


def _true_lists(warehouse: Warehouse, found: Found, rows: list[Row]) -> dict[str, dict[str, Any]]:
    """List → what its last report has to say of the tables as they are now; lines that are in neither were erased."""
    last = {row["unit"]: row for row in sorted(rows, key=lambda row: row["finished_at"]) if row["job"] == "manifest"}
    lines = {file: json.loads(last[file]["report"])["lines"] for file in found.lists if file in last}
    true = {}
    for file, report in counted(warehouse, lines).items():
        report.erased = report.lines - report.photos - sum(report.quarantined.values())
        true[file] = asdict(report)
    return true


def _cleaned(row: Row, traces: Traces, lists: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    report = json.loads(row["report"])
    if row["job"] == "manifest" and row["unit"] in lists:
        report |= lists[row["unit"]]
    cleaned = without_mentions(report, traces)
    same = cleaned == json.loads(row["report"])
    return row.asDict() | {"report": row["report"] if same else json.dumps(cleaned, sort_keys=True)}


def _renamed(row: dict[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    for old, new in digests.items():
        row = row | {"unit": new if row["unit"] == old else row["unit"], "report": row["report"].replace(old, new)}
    return row
