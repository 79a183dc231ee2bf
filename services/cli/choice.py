"""Options that say which mail is meant, as a ``Choice``, and names of accounts that may be removed."""

import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from services.common import lookup
from services.common.accounts.fields import SLUG
from services.common.accounts.store import unknown
from services.common.errors import ConfigurationError
from services.common.lookup import Choice
from services.common.message.search_text import query_of
from services.front.context import Context


def choice_of(context: Context, words: str | None = None, **sides: Any) -> Choice:
    """A choice from the values of click options; an account by name or address.

    Raises:
        ConfigurationError: no mail of that account or folder is stored, and none is expected; nothing can be looked for
            by these words.
    """
    choice = Choice(query=None if words is None else _query(words), **sides)
    found = context.accounts.find(choice.account) if choice.account else None
    choice = replace(choice, account=found.slug if found else choice.account)
    if choice.account and found is None and not lookup.is_known(context.engine, replace(choice, folder=None)):
        raise unknown(choice.account)
    if choice.folder is not None and not lookup.is_known(context.engine, choice):
        raise ConfigurationError(f"no folder is called {choice.folder!r}; `mailweir status` shows them")
    return choice


def _query(words: str) -> str:
    query = query_of(words)
    if not query:
        what = "words are letters and digits, fewer than 200 of them"
        raise ConfigurationError(f"{words[:40]!r} holds nothing that can be looked for: {what}")
    return query


def account_of(context: Context, name: str, remains: Callable[[str], bool]) -> str:
    """The account of that name or address; one that was removed counts where something of it ``remains``.

    Raises:
        ConfigurationError: there is none.
    """
    if found := context.accounts.find(name):
        return found.slug
    if re.fullmatch(SLUG, name) and remains(name):
        return name
    raise unknown(name)


def has_objects(context: Context, account: str) -> bool:
    """Whether mail of an account is in the object store."""
    return next(iter(context.store.keys(f"{account}/")), None) is not None
