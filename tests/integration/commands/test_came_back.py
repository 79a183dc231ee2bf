"""When mail of an account that was erased counts as here again."""

import pytest

from services.cli.mending import workbench
from services.common.objects import NewObject
from tests.integration.commands.conftest import Home

OBJECT = "INSERT INTO objects VALUES ('work', 'message', 'aa', 'mailweir', 'work/x', 1, 'message/rfc822', NULL, now())"


def audited(action: str, seconds: int) -> str:
    return (
        "INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail) VALUES "
        f"('{action}{seconds}', now() + interval '{seconds} seconds', 'poller', 'work', '{action}', 'ok', '')"
    )


@pytest.mark.parametrize(
    ("name", "then", "told"),
    [
        (None, OBJECT, ("work",)),
        ("work", OBJECT, ("work",)),
        ("other", OBJECT, ()),
        (None, "SELECT 1", ()),
        (None, f"{OBJECT}; {audited('fetch', -60)}", ("work",)),  # read once more from a topic
        (None, f"{OBJECT}; {audited('account-remove', 60)}", ("work",)),
        (None, f"{OBJECT}; {audited('fetch', 60)}", ()),  # it was added again, and removed
    ],
)
def test_mail_of_an_erased_account_is_told_unless_it_was_brought_since(
    home: Home, name: str | None, then: str, told: tuple[str, ...]
) -> None:
    home.change(audited("erase", 0))
    home.change(then)
    with workbench.bench(home.context.engine) as bench:
        assert workbench.compare(bench, home.context.store, name).erased == told


def test_mail_of_an_account_that_is_there_is_its_own(home: Home, account: str) -> None:
    home.change(audited("erase", 0))
    home.change(OBJECT)
    home.change(f"DELETE FROM audit_log WHERE account_id = '{account}' AND action <> 'erase'")
    with workbench.bench(home.context.engine) as bench:
        assert workbench.compare(bench, home.context.store, None).erased == ()


def test_objects_alone_that_came_back_are_told_and_those_of_others_are_not(home: Home) -> None:
    home.change(audited("erase", 0))
    for owner, told in (("work-b", ()), ("work", ("work",))):
        home.context.store.put(NewObject(f"{owner}/messages/undated/{'a' * 64}.eml", b"x", "message/rfc822"))
        with workbench.bench(home.context.engine) as bench:
            assert workbench.compare(bench, home.context.store, None).erased == told
