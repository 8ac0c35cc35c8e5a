"""HTTP connections that reach vetted addresses only and end at a deadline, as a transport adapter of requests."""

from __future__ import annotations

import socket
import ssl
import time
from functools import partial
from pathlib import Path
from typing import Any

import certifi
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from facejoin.udfs.web.guard import AddressGuard
from facejoin.udfs.web.outcomes import NotFetched, Outcome

HOSTS_KEPT = 64  # connection pools of that many hosts stay open
ADDRESSES_TRIED = 4  # of one host, sharing the time to connect


class DeadlineSocket(socket.socket):
    """A socket that can be read until `deadline`, however the bytes trickle in.

    A timeout alone is for a single read: a server that sends a byte now and then would never run into it.
    """

    deadline: float = 0.0  # of time.monotonic(); nothing is read before a request has set it

    def recv_into(self, *args: Any) -> int:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the deadline of the response has passed")
        self.settimeout(remaining)
        return super().recv_into(*args)


class DeadlineTLSSocket(DeadlineSocket, ssl.SSLSocket):
    """The same over TLS; made by an SSLContext, which ends the handshake by the timeout set at that moment."""


class GuardedHTTPConnection(HTTPConnection):
    def __init__(self, *args: Any, guard: AddressGuard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        """A socket connected to a vetted address. Raises NotFetched."""
        deadline = time.monotonic() + (self.timeout or 0)
        addresses = self._guard.addresses(self._dns_host.strip("[]"), self.port, self.timeout or 0)[:ADDRESSES_TRIED]
        for left in range(len(addresses), 0, -1):
            try:
                share = max(deadline - time.monotonic(), 0.001) / left
                sock = _connect(addresses[-left], self.port, share, self.socket_options or [])
            except OSError as error:
                failure = error
            else:
                sock.settimeout(max(deadline - time.monotonic(), 0.001))  # what the TLS handshake may take
                return sock
        outcome = Outcome.TIMEOUT if isinstance(failure, TimeoutError) else Outcome.REFUSED
        raise NotFetched(outcome, f"cannot connect: {failure}") from failure

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 does
        """From here on the timeout is what is left for the whole response, head and body."""
        if isinstance(self.sock, DeadlineSocket):
            self.sock.deadline = time.monotonic() + (self.timeout or 0)
        return super().getresponse()


class GuardedHTTPSConnection(GuardedHTTPConnection, HTTPSConnection):
    """The certificate and its server name are those of the URL's host, whatever address was connected to."""


def _connect(address: str, port: int, timeout: float, options: list[tuple[int, int, int | bytes]]) -> DeadlineSocket:
    sock = DeadlineSocket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.settimeout(timeout)
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


class _ClosingPool(HTTPConnectionPool):
    """Keeps no connection open that no request is using."""

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.close()
        super()._put_conn(conn)


class _ClosingTLSPool(_ClosingPool, HTTPSConnectionPool):
    pass


class GuardedPoolManager(PoolManager):
    def __init__(self, guard: AddressGuard, keep_alive: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard
        if not keep_alive:
            self.pool_classes_by_scheme = {"http": _ClosingPool, "https": _ClosingTLSPool}

    def _new_pool(self, scheme: str, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, *args, **kwargs)
        connection = GuardedHTTPSConnection if scheme == "https" else GuardedHTTPConnection
        pool.ConnectionCls = partial(connection, guard=self._guard)  # type: ignore[assignment]
        return pool


class GuardedAdapter(HTTPAdapter):
    """Sends prepared requests; used without a Session, whose cookies, proxies and .netrc have no place here.

    ca_bundle: PEM file of the trusted authorities; None for those of certifi. keep_alive: whether a connection stays
    open for the next request to its host.
    """

    def __init__(
        self, guard: AddressGuard, pool_size: int, ca_bundle: Path | None = None, keep_alive: bool = True
    ) -> None:
        self._guard, self._keep_alive = guard, keep_alive
        self._tls = create_urllib3_context()
        self._tls.sslsocket_class = DeadlineTLSSocket
        self._tls.load_verify_locations(ca_bundle or certifi.where())
        super().__init__(pool_connections=HOSTS_KEPT, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        kwargs.update(num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._tls)
        self.poolmanager = GuardedPoolManager(self._guard, self._keep_alive, **kwargs)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to add: the TLS context verifies; requests would load the authorities anew for each connection."""
