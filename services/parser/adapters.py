"""How the parser reaches a raw message that is too large for a record: ranges of an object."""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.claims import raw_info
from services.common.events import DataRef, MessageFetched
from services.common.objects import ObjectStore
from services.common.service import no_object


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """Random access to one object; ``size`` in octets."""

    store: ObjectStore
    key: str
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the object; fewer only at its end. Raises ``Unavailable``, or ``ContractViolated``: it is gone."""
        try:
            return self.store.read(self.key, offset, length)
        except KeyError as error:
            raise no_object() from error


def opener(store: ObjectStore) -> Callable[[MessageFetched, DataRef], ObjectSource]:
    """A function that opens the raw message behind the claim check of an event; it raises as ``raw_info``."""

    def open_source(event: MessageFetched, reference: DataRef) -> ObjectSource:
        found = raw_info(event, reference, store)
        return ObjectSource(store, found.key, found.size)

    return open_source
