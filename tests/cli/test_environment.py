"""The archive of `make environment`: what is in it, and that its Python runs from wherever it was unpacked.

That jobs run in it on nodes without packages is for tests/cluster/test_yarn.py.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from facejoin.cli import environment
from facejoin.cli.environment import needed_distributions, pack


def test_it_holds_what_jobs_need_and_not_what_spark_sends_or_developers_use() -> None:
    names = {owner.name.lower() for owner in needed_distributions("facejoin")}
    assert {"torch", "openvino", "pydantic", "matplotlib", "urllib3"} <= names  # the last one by way of requests
    assert not {"facejoin", "pyspark", "triton", "pytest", "ruff"} & names


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_its_python_runs_from_where_it_was_unpacked(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "needed_distributions", lambda name: [distribution("certifi")])
    archive, elsewhere = tmp_path / f"environment{suffix}", tmp_path / "elsewhere"
    pack(archive, str(Path(sys.executable).resolve()), cuda=False)
    with tarfile.open(archive) as packed:
        packed.extractall(elsewhere, filter="fully_trusted")
    asked = [elsewhere / "bin" / "python", "-c", "import certifi, sys; print(certifi.__file__, sys.prefix)"]
    done = subprocess.run([*map(str, asked)], env={}, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(next(elsewhere.glob("lib/*/site-packages/certifi/__init__.py"))), str(elsewhere)]
