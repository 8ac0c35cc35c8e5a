"""Files of the package index that pip is set up for. pip itself is asked for its settings alone: to download a source
distribution it would run the build of it."""

from __future__ import annotations

import ast
import html
import os
import re
import subprocess
import sys
from urllib.parse import urljoin, urlsplit

import requests

SECTIONS = ("global", "download", ":env:")  # of its settings; the last one that has an option counts
ACCEPTED = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"  # PEP 691, PEP 503
PATIENCE = 60.0  # seconds that pip may take to tell its settings, and that a connection may be silent
NOT_FOUND = 404


class NotIndexed(Exception):
    """A file that no index gives; the message says why, in one line without the user name of a URL."""


def indexed_file(project: str, sha256: str) -> bytes:
    """Of all the project's files the one that is listed with this hash; whether it has it is for the caller to check.

    Raises NotIndexed.
    """
    settings = _pip_settings()
    for index in _indexes(settings):
        page = _get(urljoin(f"{index.rstrip('/')}/", f"{_normalised(project)}/"), settings)
        for url in _listed(page, sha256) if page is not None else ():
            if (file := _get(url, settings)) is not None:
                return file.content
    raise NotIndexed(f"the index has no file of {project} with SHA-256 {sha256}")


def _pip_settings() -> dict[str, str]:
    """Option → value: of pip's files and the environment."""
    lines = re.findall(r"^([^=\s]+)\.([\w-]+)=(.+)$", _told_by_pip("config", "list"), re.MULTILINE)
    return {option: ast.literal_eval(value) for one in SECTIONS for section, option, value in lines if section == one}


def default_index() -> str:
    """Where pip looks if nothing else is set: its help alone tells. Raises NotIndexed."""
    found = re.search(r"--index-url\b.*\(default (\S+?)\)", _told_by_pip("download", "--help"))
    if found is None:
        raise NotIndexed("pip does not tell where it looks: expected an index-url in its settings")
    return found[1]


def _told_by_pip(*words: str) -> str:
    command, unwrapped = [sys.executable, "-m", "pip", *words], os.environ | {"COLUMNS": "1000"}
    try:
        done = subprocess.run(command, env=unwrapped, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NotIndexed(f"pip does not tell its settings: {error}") from error


def _indexes(settings: dict[str, str]) -> list[str]:
    if settings.get("no-index", "0").lower() in ("1", "true", "yes", "on"):
        raise NotIndexed("pip's settings allow no index (no-index)")
    return [settings.get("index-url") or default_index(), *settings.get("extra-index-url", "").split()]


def _normalised(project: str) -> str:
    """As PEP 503 has it in addresses."""
    return re.sub(r"[-_.]+", "-", project).lower()


def _get(url: str, settings: dict[str, str]) -> requests.Response | None:
    """None where there is nothing. Goes where pip would: also to an index inside the own network."""
    host, proxy = urlsplit(url).hostname, settings.get("proxy")
    proxies = dict.fromkeys(("http", "https"), proxy) if proxy else None
    verify = settings.get("cert", True)
    try:
        answer = requests.get(url, headers={"Accept": ACCEPTED}, timeout=PATIENCE, verify=verify, proxies=proxies)
    except (requests.RequestException, OSError) as error:
        raise NotIndexed(f"{host} cannot be reached: {type(error).__name__}") from error
    if answer.status_code == NOT_FOUND:
        return None
    if not answer.ok:
        raise NotIndexed(f"{host} answers with status {answer.status_code}")
    return answer


def _listed(page: requests.Response, sha256: str) -> list[str]:
    """URLs that a project's page has for the hash."""
    if "json" not in page.headers.get("Content-Type", ""):
        found = re.findall(rf"""href\s*=\s*["']([^"'#]+)#sha256={sha256}["']""", page.text)
        return [urljoin(page.url, html.unescape(url)) for url in found]
    try:
        files = page.json()["files"]
        return [urljoin(page.url, file["url"]) for file in files if file["hashes"].get("sha256") == sha256]
    except (ValueError, LookupError, TypeError) as error:
        raise NotIndexed(f"{urlsplit(page.url).hostname} has no page of the project that can be read") from error
