"""Whoever asks other people's hosts says how to reach them."""

from __future__ import annotations

from ipaddress import ip_address

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from facejoin.conf.settings import FetchSettings, SettingsError
from facejoin.jobs.hosts.layout import host_column
from facejoin.udfs.web.guard import AddressGuard

LITERAL = r"^(\[.*\]|[0-9.]+|localhost)$"  # of a URL's host: an address, or this machine
MOST_LITERALS = 1_000  # hosts; a list with more of them is not of one's own machines


def require_contact(photos: DataFrame, fetch: FetchSettings) -> None:
    """Raises SettingsError where no contact is set and a photo is on a host that is not one's own: one of
    `allowed_networks`, by its address. photos: rows of the table."""
    if fetch.contact is None and (host := _others_host(photos, fetch)) is not None:
        raise SettingsError(
            "crawl.fetch.contact is not set; expected a page or a mail address by which those whose hosts are asked "
            "can reach you, such as https://example.org/our-crawler or crawler@example.org: photos are to come from "
            f"{host}"
        )


def _others_host(photos: DataFrame, fetch: FetchSettings) -> str | None:
    host = host_column(F.col("download_url")).alias("host")
    hosts = photos.where("excluded IS NULL").select(host).where("host IS NOT NULL")
    named = hosts.where(~F.col("host").rlike(LITERAL)).first()
    if named is not None:
        return str(named["host"])
    literals = [row["host"] for row in hosts.distinct().limit(MOST_LITERALS + 1).collect()]
    others = [name for name in literals if _is_others(name, fetch)]
    return others[0] if others else literals[0] if len(literals) > MOST_LITERALS else None


def _is_others(host: str, fetch: FetchSettings) -> bool:
    """Whether it would be asked, and not because it is allowed."""
    if host == "localhost":
        return False
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:  # another spelling of an address, or none
        return True
    public = AddressGuard(blocked=fetch.blocked_networks, ports=fetch.ports)
    allowed = any(address in network for network in fetch.allowed_networks)
    return not allowed and any(public.permits(address, port) for port in fetch.ports)
