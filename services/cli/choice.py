"""Options that say which mail is meant, as a ``Choice``."""

from typing import Any

from msgspec.structs import replace

from services.common import lookup
from services.common.accounts import unknown
from services.common.errors import ConfigurationError
from services.common.lookup import Choice
from services.front.context import Context


def choice_of(context: Context, words: str | None = None, **sides: Any) -> Choice:
    """A choice from the values of click options; an account by name or address.

    Raises:
        ConfigurationError: no mail of that account or folder is stored, and none is expected.
    """
    choice = Choice(words=words, **sides)
    found = context.accounts.find(choice.account) if choice.account else None
    choice = replace(choice, account=found.slug if found else choice.account)
    if choice.account and found is None and not lookup.is_known(context.engine, replace(choice, folder=None)):
        raise unknown(choice.account)
    if choice.folder is not None and not lookup.is_known(context.engine, choice):
        raise ConfigurationError(f"no folder is called {choice.folder!r}; `mailweir status` shows them")
    return choice
