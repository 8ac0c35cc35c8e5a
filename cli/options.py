"""What the commands share: options of the same name, and reports as JSON."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from facejoin.conf.settings import SettingsError

Config = Annotated[Path | None, typer.Option("--config", help="Settings (YAML). Default: one machine, SFace.")]
WarehouseDir = Annotated[
    str | None, typer.Option("--warehouse", help="Folder of the tables; any path Spark can write.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the report to this file, as JSON.")]


def refuse_unwritable(out: Path | None) -> None:
    """Raises SettingsError where the report could not be written, before hours of work for it."""
    if out is None:
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the report {out} cannot be written: {error.strerror}") from error
    if out.is_dir() or not os.access(out if out.exists() else out.parent, os.W_OK):
        raise SettingsError(f"the report {out} cannot be written: expected a file in a folder that can be written")


def write_report(out: Path | None, report: Any) -> None:
    """A dataclass, a list of them, or either by the job's name."""
    if out is None:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(_plain(report), indent=1) + "\n")


def typed(*command: str | Path, config: Path | None, warehouse: str | None) -> str:
    """A facejoin command as somebody has to type it who goes on with these settings and tables."""
    options = {"--config": config, "--warehouse": warehouse}
    given = [text for option, value in options.items() if value is not None for text in (option, value)]
    return shlex.join(map(str, ("facejoin", *command, *given)))


def _plain(report: Any) -> Any:
    if isinstance(report, Mapping):
        return {job: _plain(part) for job, part in report.items()}
    return [asdict(item) for item in report] if isinstance(report, list) else asdict(report)
