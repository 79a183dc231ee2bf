"""The account store of this runtime, for commands about accounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.common.accounts.store import AccountStore


@contextmanager
def opened() -> Iterator["AccountStore"]:
    """The accounts of this machine's folder, or of the stack, as the environment says. Raises as ``open_context``."""
    from services.front.context import open_context

    with open_context() as context:
        yield context.accounts
