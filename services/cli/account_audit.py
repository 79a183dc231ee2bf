"""What the commands write down of a change: when, who, which account, what; never a value that could be a secret."""

import getpass
import os
from datetime import UTC, datetime

from services.common import audit
from services.common.accounts.fields import Account
from services.common.accounts.store import AccountStore
from services.common.database import transaction

_FIELDS = ("host", "port", "tls", "user", "auth", "ca_file")


def noted(store: AccountStore, account: str, action: str, detail: str = "") -> None:
    """One entry of ``audit_log`` for a change that was made."""
    said = f"by {_person()}" + (f": {detail}" if detail else "")
    with transaction(store.engine) as connection:
        audit.note(connection, datetime.now(UTC), "cli", account, action, detail=said)


def changes(before: Account, after: Account) -> str:
    """Names of what differs; switches, such as ``legacy_tls``, with their value."""
    fields = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
    keys = sorted(before.given.keys() | after.given.keys())
    fields += [_told(key, after.given.get(key)) for key in keys if before.given.get(key) != after.given.get(key)]
    return ", ".join(fields)


def _told(key: str, value: object) -> str:
    return f"{key}={str(value).lower()}" if isinstance(value, bool) else key


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return f"uid {os.getuid()}"
