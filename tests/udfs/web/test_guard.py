import asyncio
import threading
from ipaddress import ip_address, ip_network

import pytest

from facejoin.udfs.web.guard import AddressGuard
from facejoin.udfs.web.outcomes import NotFetched, Outcome

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff0e::1",
    "2001:db8::1",
    "4000::1",
    "::10.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.0.0.1",
    "2002:0a00:0001::1",
    "2001:0:a00:1::1",
    "168.63.129.16",
    "::ffff:168.63.129.16",
    "64:ff9b::168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
]
PUBLIC = ["8.8.8.8", "151.101.1.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


def addresses(guard: AddressGuard, host: str, port: int, timeout: float) -> list[str]:
    return asyncio.run(guard.addresses(host, port, timeout))


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_not_permitted(address: str) -> None:
    assert not AddressGuard().permits(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address: str) -> None:
    assert AddressGuard().permits(ip_address(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_an_allowed_network_is_permitted_and_its_neighbours_are_not(address: str) -> None:
    guard = AddressGuard([ip_network("10.1.2.0/24"), ip_network("fd00::/64")])
    assert guard.permits(ip_address(address))
    assert guard.permits(ip_address("fd00::7"))
    assert not guard.permits(ip_address("10.1.3.3"))


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "10.1.2.3", "2001:db9::7"])
def test_a_blocked_network_is_not_permitted_even_where_it_is_allowed(address: str) -> None:
    blocked = [ip_network(network) for network in ("8.8.8.0/24", "10.1.2.3/32", "2001:db9::/32")]
    guard = AddressGuard([ip_network("10.0.0.0/8"), ip_network("8.0.0.0/8")], blocked)
    assert not guard.permits(ip_address(address))
    assert guard.permits(ip_address("10.1.2.4"))


@pytest.mark.parametrize(
    ("address", "port", "permitted"), [("8.8.8.8", 22, False), ("8.8.8.8", 443, True), ("10.1.2.3", 22, True)]
)
def test_ports_are_limited_but_for_hosts_of_our_own(address: str, port: int, permitted: bool) -> None:
    guard = AddressGuard([ip_network("10.1.2.0/24")])
    assert guard.permits(ip_address(address), port) is permitted


def test_a_port_that_is_not_fetched_from_is_named() -> None:
    with pytest.raises(NotFetched, match=r"photos\.test: port 8080 is not one to be fetched from") as caught:
        addresses(AddressGuard(resolve=lambda host: ["8.8.8.8"]), "photos.test", 8080, timeout=1)
    assert caught.value.outcome is Outcome.BLOCKED_ADDRESS
    assert addresses(AddressGuard(ports=[8080], resolve=lambda host: ["8.8.8.8"]), "photos.test", 8080, timeout=1)


def test_only_the_public_addresses_of_a_name_are_given() -> None:
    guard = AddressGuard(resolve=lambda host: ["10.0.0.1", "8.8.8.8"])
    assert addresses(guard, "photos.test", 80, timeout=1) == ["8.8.8.8"]


def test_a_name_without_public_addresses_is_blocked() -> None:
    guard = AddressGuard(resolve=lambda host: ["10.0.0.1", "::1"])
    with pytest.raises(NotFetched) as caught:
        addresses(guard, "photos.test", 80, timeout=1)
    assert caught.value.outcome is Outcome.BLOCKED_ADDRESS


@pytest.mark.parametrize("literal", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_this_machine_are_blocked(literal: str) -> None:
    with pytest.raises(NotFetched) as caught:
        addresses(AddressGuard(), literal, 80, timeout=5)
    assert caught.value.outcome is Outcome.BLOCKED_ADDRESS


def test_a_names_addresses_are_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"] if asked.count(host) > 1 else ["8.8.8.8"]

    monkeypatch.setattr("facejoin.udfs.web.guard.MOST_KNOWN", 2)
    known = AddressGuard(resolve=resolve)
    for name in ("one.test", "one.test", "two.test", "two.test"):
        assert addresses(known, name, 80, timeout=1) == ["8.8.8.8"]
    addresses(known, "three.test", 80, timeout=1)  # for which the others make room
    assert asked == ["one.test", "two.test", "three.test"]
    with pytest.raises(NotFetched):  # what it is told now is looked at as what it was told before
        addresses(known, "one.test", 80, timeout=1)


def test_after_a_while_a_name_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["8.8.8.8"], ["8.8.4.4"]])
    monkeypatch.setattr("facejoin.udfs.web.guard.KNOWN_SECONDS", 0.0)
    guard = AddressGuard(resolve=lambda host: next(answers))
    assert [addresses(guard, "one.test", 80, timeout=1) for _ in range(2)] == [["8.8.8.8"], ["8.8.4.4"]]


def test_a_name_that_could_not_be_looked_up_is_asked_for_again_at_once() -> None:
    answers = iter([[], ["8.8.8.8"]])
    guard = AddressGuard(resolve=lambda host: next(answers))
    with pytest.raises(NotFetched):
        addresses(guard, "one.test", 80, timeout=1)
    assert addresses(guard, "one.test", 80, timeout=1) == ["8.8.8.8"]


def test_many_who_want_to_know_the_same_name_ask_once() -> None:
    asked: list[str] = []
    all_wait = threading.Event()

    def resolve(host: str) -> list[str]:
        asked.append(host)
        assert all_wait.wait(30)
        return ["8.8.8.8"]

    async def together() -> list[list[str]]:
        guard = AddressGuard(resolve=resolve)
        lookups = [asyncio.create_task(guard.addresses("one.test", 80, timeout=30)) for _ in range(9)]
        await asyncio.sleep(0)  # each of them has begun
        all_wait.set()
        return await asyncio.gather(*lookups)

    assert asyncio.run(together()) == [["8.8.8.8"]] * 9
    assert asked == ["one.test"]


def test_who_waits_in_vain_for_the_name_service_takes_no_answer_from_others() -> None:
    answer = threading.Event()

    def resolve(host: str) -> list[str]:
        assert answer.wait(30)
        return ["8.8.8.8"]

    async def one_gives_up() -> list[str]:
        guard = AddressGuard(resolve=resolve)
        patient = asyncio.create_task(guard.addresses("one.test", 80, timeout=30))
        with pytest.raises(NotFetched, match="no answer of the name service"):
            await guard.addresses("one.test", 80, timeout=0.01)
        answer.set()
        return await patient

    assert asyncio.run(one_gives_up()) == ["8.8.8.8"]
