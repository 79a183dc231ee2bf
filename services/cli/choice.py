"""Options that say which mail is meant, as a ``Choice``."""

from datetime import UTC, datetime
from typing import Any

from services.common.lookup import Choice


def choice_of(words: str | None = None, **sides: Any) -> Choice:
    """A choice from the values of click options; days are days in UTC."""
    aware: dict[str, Any] = {name: _utc(side) if isinstance(side, datetime) else side for name, side in sides.items()}
    return Choice(words=words, **aware)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
