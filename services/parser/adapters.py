"""How the parser reaches a raw message that is too large for a record: ranges of an object."""

from collections.abc import Callable
from dataclasses import dataclass

from services.common.events import DataRef
from services.common.objects import ObjectStore, key_of
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


def opener(store: ObjectStore) -> Callable[[DataRef, int], ObjectSource]:
    """A function that opens the object of a claim check."""

    def open_source(reference: DataRef, size: int) -> ObjectSource:
        return ObjectSource(store, key_of(reference.uri), size)

    return open_source
