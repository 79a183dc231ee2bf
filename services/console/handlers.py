"""One-request steps without HTTP: what a sign-in or a change does, given its values."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from services.common.secret import Secret
from services.console import sessions, users
from services.console.adapters import Ports
from services.console.sessions import Session
from services.console.users import User

LINK_LASTS = timedelta(minutes=10)
PROGRAM_LASTS = timedelta(days=90)


def sign_in(ports: Ports, name: str, password: Secret, address: str, lasts: timedelta) -> Session | None:
    """A new session for the right password, None for a wrong one. Raises TooManyAttempts, ConfigurationError."""
    now = ports.clock.now()
    user = users.verify(ports.engine, name, password, address, now)
    if user is None:
        ports.audit(User(0, users.normal(name), "user"), "console-signin", outcome="failed", detail=address)
        return None
    ports.audit(user, "console-signin", detail=address)
    return sessions.start(ports.engine, user, "browser", now, lasts)


def sign_in_by_link(ports: Ports, token: str, lasts: timedelta) -> Session | None:
    """A session for a one-time link that was printed on the terminal, None when it is used or too old."""
    now = ports.clock.now()
    user = sessions.redeem(ports.engine, token, now)
    if user is None:
        return None
    ports.audit(user, "console-signin", detail="by link")
    return sessions.start(ports.engine, user, "browser", now, lasts)


def prove(ports: Ports, session: Session, password: Secret, address: str) -> bool:
    """Whether the password is right; the session then counts as proved for five minutes. Raises TooManyAttempts."""
    now = ports.clock.now()
    if users.verify(ports.engine, session.user.name, password, address, now) is None:
        return False
    sessions.prove(ports.engine, session, now)
    return True


def one_time_link(engine: Engine, user: User, now: datetime) -> str:
    """Path and query of a link that signs a user in once, within ten minutes."""
    return f"/signin/link?token={sessions.start(engine, user, 'link', now, LINK_LASTS).token}"
