import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common import guard
from services.common.errors import ConfigurationError, ConnectionFailed
from services.common.guard import Forbidden, TestBudget, TooManyTests
from tests.fakes.clock import FakeClock

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:a00:1::", "2002:808:808::1",
    "2001:0:808:808::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "100::1", "::ffff:0:7f00:1", "4000::1", "8000::1", "3fff::1", "5f00::1", "not an address", "",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "223.5.5.5",
    "120.232.1.1",
    "2606:4700::1111",
    "2400:3200::1",
    "172.32.0.1",
    "100.128.0.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_addresses_are_public(address: str) -> None:
    assert guard.is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_in_ipv6_is_never_public(address: object) -> None:
    for prefix in ("::ffff:", "::", "64:ff9b::"):
        assert not guard.is_public(f"{prefix}{address}")


@given(st.text(max_size=30))
def test_any_text_is_judged(text: str) -> None:
    assert guard.is_public(text) in (True, False)


@pytest.mark.parametrize(
    ("host", "port", "tls"),
    [
        ("127.0.0.1", 993, "implicit"), ("[::1]", 993, "implicit"), ("8.8.8.8", 993, "implicit"),
        ("2130706433", 993, "implicit"), ("0x7f000001", 993, "implicit"), ("0x7f.1", 993, "implicit"),
        ("127.1", 993, "implicit"), ("localhost", 993, "implicit"), ("printer", 993, "implicit"),
        ("db.internal", 993, "implicit"), ("nas.local", 993, "implicit"), ("router.home.arpa", 993, "implicit"),
        ("imap.example.org", 22, "implicit"), ("imap.example.org", 143, "implicit"),
        ("imap.example.org", 993, "starttls"),
        ("imap.example.org", 993, "none"), ("", 993, "implicit"), ("x" * 70 + "é.org", 993, "implicit"),
    ],
)  # fmt: skip
def test_targets_outside_the_bounds_are_forbidden(host: str, port: int, tls: str) -> None:
    with pytest.raises(Forbidden):
        guard.check_target(host, port, tls)


def test_ordinary_targets_pass_in_ascii_form() -> None:
    assert guard.check_target("IMAP.GD.chinamobile.com.", 993, "implicit") == "imap.gd.chinamobile.com"
    assert guard.check_target("邮件.example", 143, "starttls") == "xn--5nq051n.example"


def test_the_operators_exceptions_are_by_name_port_and_network() -> None:
    allowed = guard.parse_allowed("imap.corp.example:1993@10.2.0.0/16, *.lab.example, 192.168.7.7:993@192.168.7.7/32")
    assert guard.check_target("imap.corp.example", 1993, "implicit", allowed) == "imap.corp.example"
    assert guard.check_target("a.lab.example", 993, "implicit", allowed) == "a.lab.example"
    assert guard.check_target("192.168.7.7", 993, "implicit", allowed) == "192.168.7.7"
    for host, port in (("imap.corp.example", 1994), ("a.lab.example", 22), ("other.example", 1993)):
        with pytest.raises(Forbidden):
            guard.check_target(host, port, "implicit", allowed)


@pytest.mark.parametrize("text", ["a b", "x:99999999", "x@10.0.0.1/8", "x@nonsense", "http://x"])
def test_a_malformed_exception_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="guard exception"):
        guard.parse_allowed(text)


async def test_every_address_of_a_name_must_be_public() -> None:
    assert await guard.resolve("x.org", 993, answering("8.8.8.8", "2606:4700::1111", "8.8.8.8")) == (
        "8.8.8.8",
        "2606:4700::1111",
    )
    for bad in PRIVATE[:-2]:
        with pytest.raises(Forbidden):
            await guard.resolve("x.org", 993, answering("8.8.8.8", bad))
    with pytest.raises(Forbidden):
        await guard.resolve("x.org", 993, answering())


async def test_a_private_network_is_open_only_to_its_name() -> None:
    allowed = guard.parse_allowed("imap.corp.example@10.2.0.0/16")
    assert await guard.resolve("imap.corp.example", 993, answering("10.2.3.4"), allowed) == ("10.2.3.4",)
    for host, address in (("imap.corp.example", "10.3.0.1"), ("evil.example", "10.2.3.4")):
        with pytest.raises(Forbidden):
            await guard.resolve(host, 993, answering(address), allowed)


async def test_a_name_is_looked_up_once() -> None:
    asked: list[str] = []

    async def changing(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["8.8.8.8"] if len(asked) == 1 else ["127.0.0.1"]

    assert await guard.resolve("x.org", 993, changing) == ("8.8.8.8",)
    assert asked == ["x.org"]


async def test_a_user_has_five_tests_in_ten_minutes() -> None:
    clock = FakeClock()
    budget = TestBudget(clock)
    for _ in range(5):
        async with budget.one("ann"):
            clock.forward(1)
    with pytest.raises(TooManyTests):
        async with budget.one("ann"):
            pass
    async with budget.one("bob"):
        pass
    clock.forward(600)
    async with budget.one("ann"):
        pass


async def test_three_tests_run_at_once_over_all_users() -> None:
    budget = TestBudget(FakeClock())
    async with budget.one("a"), budget.one("b"), budget.one("c"):
        with pytest.raises(TooManyTests):
            async with budget.one("d"):
                pass
    async with budget.one("d"):
        pass


@pytest.mark.parametrize(
    ("state", "result"),
    [
        ("ok", "ok"), ("tls", "TLS problem"), ("credential", "sign-in refused"), ("ambiguous", "sign-in refused"),
        ("consent", "sign-in refused"), ("configuration", "sign-in refused"), ("network", "could not connect"),
        ("temporary", "could not connect"), ("throttled", "could not connect"), ("unknown", "could not connect"),
    ],
)  # fmt: skip
async def test_a_user_learns_one_of_four_results(state: str, result: str) -> None:
    clock = FakeClock()

    async def test() -> str:
        return state

    assert await guard.uniform(test(), clock) == result
    assert clock.slept == [2.0]


@pytest.mark.parametrize("error", [Forbidden("inside"), ConnectionFailed("x"), OSError("banner"), TimeoutError()])
async def test_every_failure_looks_and_lasts_the_same(error: Exception) -> None:
    clock = FakeClock()

    async def test() -> str:
        clock.forward(0.7)
        raise error

    assert await guard.uniform(test(), clock) == "could not connect"
    assert clock.slept == [pytest.approx(1.3)]


async def test_a_test_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "TEST_SECONDS", 0.01)
    assert await guard.uniform(asyncio.Event().wait(), FakeClock()) == "could not connect"  # type: ignore[arg-type]


def answering(*addresses: str) -> guard.Resolver:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolver
