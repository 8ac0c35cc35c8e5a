"""The `facejoin` command as a wheel task of Databricks, which takes every exit for a failure."""

from __future__ import annotations

from facejoin.cli.app import main as command


def main() -> None:
    """Returns where the job is done; else ends as the command does."""
    try:
        command()
    except SystemExit as ended:
        if ended.code:
            raise
