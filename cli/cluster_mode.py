"""A driver that runs on a node of the cluster (YARN's cluster mode): what spark-submit.sh has to send there.

`python -m facejoin.cli.cluster_mode JOB [job options]` prints the files to send, separated by commas, and then the
job's words as that driver has to see them, one a line. What cannot work there is refused: exit status 2 and one line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from facejoin.conf.settings import SettingsError, load_settings

# The others need this machine's files
JOBS = ("manifest", "crawl", "enroll", "match", "publish", "run", "forget", "status")
WITH_NETWORKS = ("crawl", "enroll", "run")
WITH_A_PAGE = ("publish", "run")
SENT = ("--config", "--nonfaces")
WRITTEN = ("--out", "--site", "--metrics", "--plot")


def for_cluster_mode(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """(files to send, words with their names there). Raises SettingsError."""
    job, *given = _split(words)
    _refuse_what_is_lost(job, given)
    files, there = _sent(given)
    if job in WITH_NETWORKS:
        files += _weights(_value(given, "--config"))
    return files, [job, *there]


def _refuse_what_is_lost(job: str, words: list[str]) -> None:
    if job not in JOBS:
        raise SettingsError(f"{job} cannot run in deploy mode cluster, which is for {', '.join(JOBS)}: use client")
    if job in WITH_A_PAGE and "--site" not in words:
        raise SettingsError(f"{job} in deploy mode cluster needs --site, a folder that the driver's node shares")
    for option in WRITTEN:
        value = _value(words, option)
        if value is not None and not Path(value).is_absolute():
            raise SettingsError(
                f"{option} {value} would be lost with the driver's container in deploy mode cluster: "
                "expected an absolute path that the driver's node shares"
            )


def _sent(words: list[str]) -> tuple[list[Path], list[str]]:
    """(files of this machine, words with their names in the driver's folder)."""
    files, there = [], [*words]
    for number, (option, value) in enumerate(pairwise(words), start=1):
        if option in SENT and Path(value).is_file():
            files.append(Path(value).absolute())
            there[number] = Path(value).name
    return files, there


def _split(words: Sequence[str]) -> Iterator[str]:
    """--option=value as two words."""
    for word in words:
        if word.startswith("--") and "=" in word:
            yield from word.split("=", 1)
        else:
            yield word


def _value(words: Sequence[str], option: str) -> str | None:
    return next((value for word, value in pairwise(words) if word == option), None)


def _weights(config: str | None) -> list[Path]:
    """Those in this machine's cache. That the driver finds all that it needs, it sees to itself."""
    from facejoin.udfs.vision.analyse import needed_weights
    from facejoin.udfs.vision.engines.errors import WeightsError
    from facejoin.udfs.vision.engines.weights import find_weights

    settings, found = load_settings(config), []
    for name, sha256 in needed_weights(settings.vision).items():
        try:
            found.append(find_weights(name, sha256, [Path(settings.cache)]).absolute())
        except WeightsError:  # may still lie in a cache that the nodes share
            continue
    return found


def main() -> None:
    try:
        files, words = for_cluster_mode(sys.argv[1:])
    except SettingsError as error:
        sys.exit(_refused(error))
    sys.stdout.write("\n".join([",".join(map(str, files)), *words]) + "\n")


def _refused(error: SettingsError) -> int:
    sys.stderr.write(f"spark-submit.sh: {error}\n")
    return 2


if __name__ == "__main__":
    main()
