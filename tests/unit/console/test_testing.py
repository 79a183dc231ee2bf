import pytest

from services.common.accounts.fields import Account
from services.common.guard import Result
from services.console import testing
from services.console.memory import Memory, Test
from services.poller.doctor.model import Step

ACCOUNT = Account(slug="a", host="imap.example.org", user="a@example.org")
REACHED = ("lookup", "connect", "tls", "greeting", "capabilities")


def made(*names: str, result: Result | None = None, failed: Step | None = None) -> Test:
    """A test that heard these good steps."""
    steps = [Step(name, "ok") for name in names]
    return Test("t", 1, ACCOUNT, [*steps, *([failed] if failed else [])], result)


@pytest.mark.parametrize(
    ("test", "states"),
    [
        (made(), "running waiting waiting waiting"),
        (made("lookup", "connect"), "running waiting waiting waiting"),
        (made(*REACHED), "ok ok running waiting"),
        (made("lookup", result="could not connect"), "failed waiting waiting waiting"),
        (made("lookup", "connect", result="could not connect"), "failed waiting waiting waiting"),
        (made("lookup", "connect", result="TLS problem"), "ok failed waiting waiting"),
        (made(*REACHED, result="sign-in refused"), "ok ok failed waiting"),
        (made(*REACHED, "signin", result="could not connect"), "ok ok ok failed"),
        (made(*REACHED, "signin", "folders", result="ok"), "ok ok ok ok"),
    ],
)
def test_stages_tell_no_more_than_the_results(test: Test, states: str) -> None:
    assert " ".join(testing.stages(test).values()) == states


def test_advice_is_plain_until_tls_has_shown_whose_server_it_is() -> None:
    port = Step("connect", "failed", {}, "network", "refused", "legacy")
    assert testing.about(made("lookup", result="could not connect", failed=port)) == "network"
    told = Step("signin", "failed", {}, "credential", "Unsafe Login", "identify")
    assert testing.about(made(*REACHED, result="sign-in refused", failed=told)) == "identify"
    assert testing.about(made(*REACHED, "signin", result="ok")) == ""


def test_old_tests_are_forgotten() -> None:
    memory = Memory()
    first = memory.begin(1, ACCOUNT)
    for _ in range(250):
        memory.begin(1, ACCOUNT)
    assert first.id not in memory.tests
    assert len(memory.tests) == 200
