"""When a person is told that a grant or a code ends."""

from datetime import UTC, datetime, timedelta

from services.common.accounts.expiry import warning
from services.common.accounts.fields import Account
from services.common.accounts.settings import AccountSettings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_an_end_is_told_two_weeks_ahead_in_both_languages() -> None:
    account = Account(slug="work", host="h", user="u")
    assert warning(account, None, NOW) == warning(account, NOW + timedelta(days=15), NOW) == ""
    assert "in 6 days: run mailweir accounts authorize work" in warning(account, NOW + timedelta(days=6, hours=1), NOW)
    assert "6 天" in warning(account, NOW + timedelta(days=6, hours=1), NOW, "zh")
    coded = Account(slug="work", host="h", user="u", settings=AccountSettings(code_expires="2026-11-27"))
    assert "authorization code ends in 6 days" in warning(coded, datetime(2026, 11, 27, 23, 59, tzinfo=UTC), NOW)
