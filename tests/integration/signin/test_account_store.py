import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.common.accounts.crypto import Undecryptable
from services.common.accounts.fields import Account
from services.common.accounts.master_key import FILE_NAME, MasterKeys, key_id, load, write
from services.common.accounts.settings import SettingErrors, parse_pairs
from services.common.accounts.store import AccountStore, open_accounts
from services.common.completeness import statuses
from services.common.errors import ConfigurationError
from services.common.oauth import grants
from services.common.oauth.answers import Granted
from services.common.secret import Secret
from tests.polling import until

WORK = Account(slug="work", host="imap.example.org", user="u@example.org")
CODE = Secret("a1b2-授权码")


def test_what_is_added_comes_back(store: AccountStore) -> None:
    given = parse_pairs(["poll_interval=2", "include=INBOX", r"include=\Sent", "legacy_tls=true"])
    added = store.add(replace(WORK, given=given, port=1993, tls="starttls", auth="password"), ("password", CODE))
    assert added == store.get("work")
    assert (added.settings.poll_interval, added.settings.include) == (2, ("INBOX", r"\Sent"))
    assert (added.port, added.tls, added.auth, added.state) == (1993, "starttls", "password", "active")
    assert store.get_secret("work") == CODE
    assert [info.field for info in store.secret_infos("work")] == ["password"]


def test_a_profile_gives_settings_that_the_owner_overrides(store: AccountStore) -> None:
    store.add(replace(WORK, provider="chinamobile"))
    assert store.get("work").settings.max_connections == 1
    store.update(replace(store.get("work"), given={"max_connections": 3}))
    assert store.get("work").settings.max_connections == 3


def test_a_name_is_taken_once_in_any_case_and_found_by_address(store: AccountStore) -> None:
    store.add(WORK)
    with pytest.raises(ConfigurationError, match="exists already"):
        store.add(replace(WORK, slug="Work"))
    assert store.get("U@example.org").slug == "work"
    with pytest.raises(ConfigurationError, match="no account"):
        store.get("nobody")


def test_an_address_of_several_accounts_is_taken_for_none_of_them(store: AccountStore) -> None:
    store.add(WORK)
    store.add(replace(WORK, slug="archive"))
    with pytest.raises(ConfigurationError, match=r"several accounts .*: archive, work; name one"):
        store.find("U@example.org")


def test_a_login_name_that_is_no_address_names_no_account(store: AccountStore) -> None:
    """An account that was removed may have had that name, and its mail is still here."""
    store.add(replace(WORK, user="anna"))
    assert store.find("anna") is None


def test_a_bad_field_stores_nothing(store: AccountStore) -> None:
    with pytest.raises(SettingErrors):
        store.add(replace(WORK, port=0), ("password", CODE))
    assert store.list() == []


@pytest.mark.parametrize("change", [{"host": "evil.example.net"}, {"user": "other@example.org"}])
def test_a_change_of_host_or_user_clears_the_secret(store: AccountStore, change: dict[str, str]) -> None:
    store.add(WORK, ("password", CODE))
    _, cleared = store.update(replace(store.get("work"), **change))
    assert cleared
    assert store.get_secret("work") is None


def renew_token(store: AccountStore) -> None:
    """What the poller does by itself; no change by the owner."""
    granted = Granted(Secret("t"), life=3600)
    grants.store_granted(store.engine, store.keys, "work", granted, datetime.now(UTC), grants.Grant(), used=None)


def _told(store: AccountStore) -> str:
    (status,) = statuses(store.engine, [("work", "active")])
    return status.signin.state


def _tell(store: AccountStore, signin: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM account_status"))
        columns = "account_id, state, signin, detail, advice, sequence"
        values = {"signin": signin}
        connection.execute(
            text(f"INSERT INTO account_status ({columns}) VALUES ('work', 'x', :signin, '', '', 1)"), values
        )


def test_what_was_told_of_a_sign_in_ends_with_its_secret_its_host_and_its_account(store: AccountStore) -> None:
    store.add(WORK, ("password", CODE))
    _tell(store, "credential")
    assert _told(store) == "credential"
    store.update(replace(store.get("work"), given={"poll_interval": 5.0}))
    assert _told(store) == "credential"
    renew_token(store)
    assert _told(store) == "credential"
    store.put_secret("work", "password", Secret("new"))
    assert _told(store) == "unknown"
    for change in (
        lambda: store.update(replace(store.get("work"), host="other.example.net")),
        lambda: store.clear_secret("work"),
        lambda: (store.remove("work"), store.add(WORK)),
    ):
        _tell(store, "ok")
        change()
        assert _told(store) == "unknown"


def test_another_change_keeps_the_secret(store: AccountStore) -> None:
    store.add(WORK, ("password", CODE))
    _, cleared = store.update(replace(store.get("work"), port=1993, host="IMAP.example.org."))
    assert not cleared
    assert store.get_secret("work") == CODE


def test_each_change_by_the_owner_moves_the_marker_and_a_renewed_token_does_not(store: AccountStore) -> None:
    seen = [store.marker()]
    for change in (
        lambda: store.add(WORK, ("password", CODE)),
        lambda: store.update(replace(store.get("work"), port=1993)),
        lambda: store.set_state("work", "paused"),
        lambda: store.put_secret("work", "password", Secret("new")),
        lambda: store.clear_secret("work"),
        lambda: store.remove("work"),
    ):
        change()
        seen.append(store.marker())
    assert seen == sorted(set(seen))
    store.add(WORK)
    before = store.marker()
    renew_token(store)
    assert store.marker() == before == store.get("work").version


def test_accounts_are_added_where_somebody_emptied_every_table(store: AccountStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM account_changes"))
    assert store.marker() == 0
    assert store.add(WORK).version == store.marker() == 1
    assert store.update(replace(store.get("work"), port=1993))[0].version == store.marker() == 2


def test_removing_takes_secrets_and_keys_along(store: AccountStore) -> None:
    store.add(WORK, ("password", CODE))
    store.remove("work")
    with store.engine.connect() as connection:
        for table in ("account_secrets", "account_keys", "accounts"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
    with pytest.raises(ConfigurationError):
        store.remove("work")


def test_a_row_moved_to_another_account_or_field_does_not_open(store: AccountStore) -> None:
    store.add(WORK, ("password", CODE))
    store.add(replace(WORK, slug="evil", user="e@example.org"), ("password", Secret("x")))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE account_secrets SET field = 'client_secret' WHERE account = 'evil'"))
        connection.execute(
            text(
                "UPDATE account_secrets e SET ciphertext = w.ciphertext FROM account_secrets w WHERE w.account = 'work'"
            )
        )
    with pytest.raises(Undecryptable):
        store.get_secret("evil", "client_secret")


def test_a_lost_key_is_an_error_and_nothing_is_overwritten(store: AccountStore, tmp_path: Path) -> None:
    store.add(WORK, ("password", CODE))
    key = tmp_path / "home" / FILE_NAME
    kept = key.rename(tmp_path / "kept")
    for action in (lambda: store.get_secret("work"), lambda: store.put_secret("work", "password", Secret("n"))):
        with pytest.raises(ConfigurationError, match="is gone"):
            action()
    with pytest.raises(ConfigurationError, match="is gone"):
        store.add(replace(WORK, slug="two"), ("password", Secret("n")))
    assert not key.exists()
    assert [account.slug for account in store.list()] == ["work"]
    kept.rename(key)
    assert store.get_secret("work") == CODE


def test_a_wrong_key_is_an_error_that_names_the_one_needed(store: AccountStore, tmp_path: Path) -> None:
    store.add(WORK, ("password", CODE))
    needed = load(tmp_path / "home", {}, may_create=False).key_id
    other = open_accounts(store.engine, tmp_path, {"MAILWEIR_MASTER_KEY": os.urandom(32).hex()})
    for action in (
        lambda: other.get_secret("work"),
        other.check_keys,
        other.renew_keys,
        lambda: other.put_secret("work", "password", Secret("n")),
        lambda: other.add(replace(WORK, slug="two"), ("password", Secret("n"))),
    ):
        with pytest.raises(ConfigurationError, match=needed):
            action()
    assert store.get_secret("work") == CODE
    other.clear_secret("work")
    other.put_secret("work", "password", Secret("entered again"))
    assert other.check_keys() == 1


def test_a_rotation_seals_everything_again_and_retires_the_old_key(store: AccountStore, tmp_path: Path) -> None:
    store.add(WORK, ("password", CODE), ("client_secret", Secret("cs")))
    store.add(replace(WORK, slug="two"), ("password", Secret("p2")))
    store.add(replace(WORK, slug="empty"))
    path = tmp_path / "home" / FILE_NAME
    old = load(tmp_path / "home", {}, may_create=False).keys
    write(path, [os.urandom(32), *old])
    assert store.renew_keys() == 3
    write(path, load(tmp_path / "home", {}, may_create=False).keys[:1])
    assert store.check_keys() == 3
    assert store.get_secret("work") == CODE
    assert store.get_secret("two").reveal() == "p2"  # type: ignore[union-attr]
    with pytest.raises(ConfigurationError):
        open_accounts(store.engine, tmp_path, {"MAILWEIR_MASTER_KEY": MasterKeys(old).keys[0].hex()}).check_keys()


@pytest.mark.parametrize("change", ["added", "renewed"])
def test_a_secret_that_is_stored_during_a_rotation_opens_after_it(
    store: AccountStore, tmp_path: Path, change: str
) -> None:
    """Whoever has read the keys before the rotation seals with the old one, which the rotation then retires."""
    home, has_keys, goes_on = tmp_path / "home", threading.Event(), threading.Event()
    store.add(WORK, ("password", CODE))
    old = load(home, {}, may_create=False).keys

    def slow(may_create: bool) -> MasterKeys:
        keys = load(home, {}, may_create=may_create)
        has_keys.set()
        assert goes_on.wait(20)
        return keys

    def rotate() -> None:
        write(home / FILE_NAME, [fresh, *old])
        store.renew_keys()
        assert store.key_ids() == {key_id(fresh)}
        write(home / FILE_NAME, [fresh])

    other, fresh = AccountStore(store.engine, slow), os.urandom(32)
    with ThreadPoolExecutor(2) as pool:
        if change == "added":
            storing = pool.submit(lambda: other.add(replace(WORK, slug="new"), ("password", CODE)) and None)
        else:
            storing = pool.submit(renew_token, other)
        assert has_keys.wait(20)
        rotating = pool.submit(rotate)
        until(lambda: rotating.done() or waits_for_a_row(store))
        goes_on.set()
        storing.result(20)
        rotating.result(20)
    assert store.check_keys() == 2


def waits_for_a_row(store: AccountStore) -> bool:
    """Whether a transaction stands before a row that another one holds."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with store.engine.connect() as connection:
        return bool(connection.scalar(waiting))


def test_the_database_holds_no_secret_in_clear(store: AccountStore) -> None:
    store.add(WORK, ("password", Secret("canary-4711")))
    with store.engine.connect() as connection:
        rows = connection.execute(text("SELECT row_to_json(s)::text FROM account_secrets s")).scalars().all()
    assert "canary" not in "".join(rows)
    assert b"canary".hex() not in "".join(rows)
