"""The audit log of many accounts, as one who has few of them sees it."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from services.common.accounts.fields import Account
from services.common.database import transaction
from services.console import ownership, users, watching
from tests.integration.console.cast import Cast

BUSY = 20_000
ROWS = """INSERT INTO audit_log (id, at, service, account_id, action, outcome, detail)
SELECT :account || n, now() - :age * interval '1 day' - n * interval '1 second', 'poller', :account, 'list', 'ok',
:account || ' number ' || n FROM generate_series(1, :many) n"""


@pytest.fixture(scope="module", autouse=True)
def entries(people: Cast, database: Engine) -> None:
    """The accounts of ``owner`` have been at rest for long, and all that is newer is of another one."""
    with transaction(database) as connection:
        for account, age, many in (("resting", 30, 70), ("sleeping", 40, 5), ("busy", 1, BUSY)):
            connection.execute(text(ROWS), {"account": account, "age": age, "many": many})
    for account in ("resting", "sleeping"):
        people.ports.accounts.add(Account(slug=account, host="imap.example.org", user=f"{account}@example.org"))
        ownership.own(database, users.get(database, "owner"), account)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE audit_log"))


def test_entries_of_several_accounts_are_one_list_latest_first(people: Cast) -> None:
    first, second = (people.owner.get(f"/audit?number={number}").text for number in (1, 2))
    assert [f"resting number {n}<" in first + second for n in range(1, 71)] == [True] * 70
    assert first.index("resting number 1<") < first.index("resting number 2<")
    assert "sleeping number" not in first
    assert second.index("resting number 70<") < second.index("sleeping number 1<")
    assert "busy number" not in first + second


@pytest.mark.parametrize(
    ("who", "query", "seen"),
    [
        ("owner", "account=sleeping", "sleeping number 5<"),
        ("admin", "account=sleeping", "sleeping number 5<"),
        ("admin", "", "busy number 1<"),
        ("owner", "account=busy", ""),
        ("owner", "action=none", ""),
        ("other", "", ""),
    ],
)
def test_filters_show_what_may_be_seen(people: Cast, who: str, query: str, seen: str) -> None:
    shown = getattr(people, who).get(f"/audit?{query}").text
    assert " number " in shown if seen else " number " not in shown
    assert seen in shown


def test_no_entry_of_others_is_read_on_the_way(database: Engine) -> None:
    values = {"slugs": ["resting", "sleeping"], "action": None, "skip": 0, "most": 51}
    with transaction(database) as connection:
        explained = connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {watching._AUDIT_OF.text}"), values)
        assert _most(explained.scalar_one()[0]["Plan"]) < 1_000


def _most(plan: dict[str, Any]) -> float:
    """Rows of the step of a plan that read most, those among them that it dropped."""
    rows: float = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return max([rows * plan["Actual Loops"], *map(_most, plan.get("Plans", []))])
