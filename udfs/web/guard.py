"""The address guard: which IP addresses a crawler inside a cluster may talk to."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from facejoin.udfs.web.outcomes import NotFetched, Outcome

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str], Sequence[str]]  # host name or literal → IP addresses; raises OSError or UnicodeError

KNOWN_SECONDS = 60.0  # that a name's addresses are not asked for again, as browsers have it: a photo is a connection
MOST_KNOWN = 4096  # names, by port

GLOBAL_UNICAST = ip_network("2000::/3")  # all that IANA has given out of IPv6; is_global alone admits unassigned space
SIX_TO_FOUR = ip_network("2002::/16")  # wraps an IPv4 address, private ones too; withdrawn by RFC 7526
# Public by the registries, but inside of a cloud, or of the machine's own provider: not for a crawler.
DENIED: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's wire server: DNS, health, secrets (Microsoft: "What is 168.63.129.16?")
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890); 192.0.0.192 is Oracle Cloud's former metadata service
        "169.254.0.0/16",  # link local: metadata services of AWS, Azure, Google, Oracle and others
        "100.64.0.0/10",  # shared address space (RFC 6598); 100.100.100.200 is Alibaba Cloud's metadata service
        "fd00:ec2::/32",  # AWS's metadata and DNS over IPv6
        "192.88.99.0/24",  # relays of 6to4, withdrawn by RFC 7526
        "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",  # AS112 and AMT (RFC 7535, 7450, 7534)
    )
)  # fmt: skip
NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached


def system_resolver(host: str) -> list[str]:
    """The addresses of a host in the order in which the system would try them."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class AddressGuard:
    """Resolves names and lets through public addresses on the usual ports, and those of `allowed` networks on any.

    A `blocked` network is never let through, allowed or not. Callers connect to an address that it returned and never
    to the name, so a name that changes its address between the check and the connection (DNS rebinding) gains nothing.
    What a name has been looked up as holds for KNOWN_SECONDS.

    >>> guard = AddressGuard([ip_network("10.1.2.0/24")], resolve=lambda host: ["10.9.9.9", "10.1.2.3", "8.8.8.8"])
    >>> [asyncio.run(guard.addresses("photos.test", port, timeout=1.0)) for port in (80, 8080)]
    [['10.1.2.3', '8.8.8.8'], ['10.1.2.3']]
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        blocked: Sequence[Network] = (),
        ports: Collection[int] = (80, 443),  # of public addresses
        resolve: Resolver = system_resolver,
    ) -> None:
        self._allowed, self._blocked = tuple(allowed), tuple(blocked)
        self._ports = frozenset(ports)
        self._resolve = resolve
        # name and port → until when it holds, addresses, and why there is none
        self._known: dict[tuple[str, int], tuple[float, list[str], str]] = {}
        self._asking: dict[str, asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """Addresses of `host` that may be connected to, at least one. timeout: seconds for the name service.

        Raises NotFetched: dns_error or blocked_address.
        """
        until, permitted, why_not = self._known.get((host, port), (0.0, [], ""))
        if time.monotonic() >= until:
            permitted, why_not = await self._learn(host, port, timeout)
        if not permitted:
            raise NotFetched(Outcome.BLOCKED_ADDRESS, why_not)
        return permitted

    def permits(self, address: Address, port: int = 80) -> bool:
        target = _reached(address)
        if _within(target, self._blocked) or _within(address, self._blocked):
            return False
        if _within(target, self._allowed) or _within(address, self._allowed):
            return True
        return port in self._ports and _is_public(target)

    async def _learn(self, host: str, port: int, timeout: float) -> tuple[list[str], str]:
        """The addresses that may be connected to, and why there is none."""
        found = await self._lookup(host, timeout)
        permitted = [str(address) for address in found if self.permits(address, port)]
        anywhere = any(self.permits(address, usual) for address in found for usual in self._ports)
        reason = f"port {port} is not one to be fetched from" if anywhere else "is not on the public internet"
        if len(self._known) >= MOST_KNOWN:
            self._known = {}
        self._known[host, port] = time.monotonic() + KNOWN_SECONDS, permitted, f"{host}: {reason}"
        return permitted, f"{host}: {reason}"

    async def _lookup(self, host: str, timeout: float) -> Sequence[Address]:
        try:
            said = await asyncio.wait_for(asyncio.shield(self._asked(host)), timeout)
        except TimeoutError as error:
            raise NotFetched(Outcome.DNS_ERROR, f"{host}: no answer of the name service in {timeout:.1f} s") from error
        except (OSError, ValueError) as error:
            raise NotFetched(Outcome.DNS_ERROR, f"{host}: {error}") from error
        if not said:
            raise NotFetched(Outcome.DNS_ERROR, f"{host} has no address")
        return [ip_address(address) for address in said]

    def _asked(self, host: str) -> asyncio.Future[Sequence[str]]:
        """What the name service says: one question at a time for all who want to know the same."""
        if host not in self._asking:
            answer: Future[Sequence[str]] = Future()
            # getaddrinfo knows no timeout, so a thread of its own waits for it
            threading.Thread(target=_resolve_into, args=(answer, self._resolve, host), daemon=True).start()
            self._asking[host] = asyncio.wrap_future(answer)
            self._asking[host].add_done_callback(lambda asked: self._answered(host, asked))
        return self._asking[host]

    def _answered(self, host: str, asked: asyncio.Future[Sequence[str]]) -> None:
        del self._asking[host]
        if not asked.cancelled():
            asked.exception()  # which may come when nobody waits any more


def _resolve_into(answer: Future[Sequence[str]], resolve: Resolver, host: str) -> None:
    try:
        answer.set_result(resolve(host))
    except (OSError, ValueError) as error:  # ValueError: a label too long, a null byte
        answer.set_exception(error)


def _reached(address: Address) -> Address:
    """The address that packets end at: the IPv4 address inside a mapped or NAT64 one, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in GLOBAL_UNICAST or address in SIX_TO_FOUR):
        return False
    return address.is_global and not address.is_multicast and not _within(address, DENIED)
