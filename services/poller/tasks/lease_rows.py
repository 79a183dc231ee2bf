"""Leases in Postgres: rows that say which process works on an account."""

from sqlalchemy import Connection, Engine, text

from services.common.database import transaction

_ACQUIRE = text(
    "INSERT INTO leases (account, owner, token, expires_at) "
    "VALUES (:account, :owner, CAST(1e6 * extract(epoch FROM clock_timestamp()) AS bigint), "
    "clock_timestamp() + make_interval(secs => :seconds)) "
    "ON CONFLICT (account) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at, "
    "token = leases.token + CASE WHEN leases.owner = excluded.owner THEN 0 ELSE 1 END "
    "WHERE leases.owner = excluded.owner OR leases.expires_at < clock_timestamp() RETURNING token"
)
_RENEW = text(
    "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :seconds) "
    "WHERE account = :account AND token = :token"
)
_SHORTEN = text(
    "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :seconds) "
    "WHERE account = :account AND expires_at > clock_timestamp() + make_interval(secs => :seconds)"
)


class PostgresLeases:
    """Who works on an account. A token grows with every change of hands, so that a late writer is recognised.

    It begins with the time, in microseconds: one of an account that was erased and added again is above those before.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def acquire(self, account: str, owner: str, seconds: float) -> int | None:
        """Take, renew or take over an expired lease.

        One that would last longer than any can was taken before the clock went back: unless renewed it ends in time.
        """
        values = {"account": account, "owner": owner, "seconds": seconds}
        with transaction(self._engine) as connection:
            token: int | None = connection.execute(_ACQUIRE, values).scalar()
            if token is None:
                connection.execute(_SHORTEN, values)
            return token

    def renew(self, account: str, token: int, seconds: float) -> bool:
        """Let the lease of that token last, also one that has ended and that nobody took; whether there is one."""
        values = {"account": account, "token": token, "seconds": seconds}
        with transaction(self._engine) as connection:
            return connection.execute(_RENEW, values).rowcount == 1

    def holder(self, account: str) -> str | None:
        """Owner of the lease that lasts now, if any."""
        with transaction(self._engine) as connection:
            query = text("SELECT owner FROM leases WHERE account = :account AND expires_at > clock_timestamp()")
            found: str | None = connection.execute(query, {"account": account}).scalar()
            return found

    def release(self, account: str, owner: str) -> None:
        """Let the lease expire now; its token stays, so that it only grows."""
        query = text("UPDATE leases SET expires_at = 'epoch' WHERE account = :account AND owner = :owner")
        with transaction(self._engine) as connection:
            connection.execute(query, {"account": account, "owner": owner})

    def forget(self, account: str) -> None:
        """Leave nothing of an account that is no more; who held its lease has lost it."""
        with transaction(self._engine) as connection:
            forget(connection, account)


def forget(connection: Connection, account: str) -> None:
    """The same in the transaction in which the account goes; later it might be a successor's lease."""
    connection.execute(text("DELETE FROM leases WHERE account = :account"), {"account": account})
