"""When an account's way in ends, and what to say ahead of time. ``expires_at`` blocks; ``warning`` is pure."""

from datetime import UTC, date, datetime, time, timedelta

from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore
from services.common.database import transaction
from services.common.oauth.grants import REFRESH, grant_of

LEAD = timedelta(days=14)


def expires_at(account: Account, store: AccountStore) -> datetime | None:
    """End of the OAuth2 grant, or of the code as its owner stated it (``code_expires``); None: unknown.

    Raises ``Unavailable`` when the database does not answer.
    """
    with transaction(store.engine) as connection:
        grant = grant_of(connection, account.slug)
    if grant.dies_at is not None and any(info.field == REFRESH for info in store.secret_infos(account.slug)):
        return grant.dies_at
    stated = account.settings.code_expires
    return datetime.combine(date.fromisoformat(stated), time.max, UTC) if stated else None


def warning(account: Account, end: datetime | None, now: datetime, lang: str = "en") -> str:
    """What the owner should do, from 14 days before the end on; "" before that."""
    if end is None or end - now > LEAD:
        return ""
    days = max(0, (end - now).days)
    if account.settings.code_expires and end.date().isoformat() == account.settings.code_expires:
        zh = f"授权码将在 {days} 天后失效：请生成新的授权码，然后运行 mailweir accounts secret {account.slug}"
        en = f"the authorization code ends in {days} days: make a new one, run mailweir accounts secret {account.slug}"
    else:
        zh = f"授权将在 {days} 天后失效：请运行 mailweir accounts authorize {account.slug}"
        en = f"the grant ends in {days} days: run mailweir accounts authorize {account.slug}"
    return zh if lang == "zh" else en
