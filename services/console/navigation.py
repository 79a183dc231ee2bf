"""The main menu: path and text key. A new page is added here."""

from collections.abc import Sequence

from services.console.users import User

_EVERYONE = (
    ("/", "overview.title"),
    ("/accounts", "accounts.title"),
    ("/arrivals", "arrivals.title"),
    ("/quarantine", "quarantine.title"),
    ("/dead-letters", "letters.title"),
    ("/audit", "audit.title"),
)
_ADMINS = (("/users", "users.title"),)


def navigation(user: User) -> Sequence[tuple[str, str]]:
    """What a user finds in the menu."""
    return _EVERYONE + _ADMINS if user.is_admin else _EVERYONE
