"""Claim checks: a record may lead to the raw message of its own place and content, and to nothing else."""

from services.common.events import DataRef, MailEvent
from services.common.objects import ObjectInfo, ObjectStore, key_of, uri_of
from services.common.service import no_object


def raw_key(event: MailEvent, reference: DataRef, store: ObjectStore) -> str:
    """Key of the raw message that a claim check must lead to.

    Raises ContractViolated for another bucket, account or content.

    An object is in the store under the hash that was taken of it, so the name is what tells its content.
    """
    key = key_of(reference.uri)
    owned = key.startswith(f"{event.place.account}/messages/") and key.endswith(f"/{event.contentsha256}.eml")
    if not owned or reference.uri != uri_of(store.bucket, key):
        raise no_object()
    return key


def raw_info(event: MailEvent, reference: DataRef, store: ObjectStore) -> ObjectInfo:
    """The raw message behind a claim check. Raises ContractViolated when it is not there, or has another size.

    The size is looked up, not believed: a reader of what is not there would read for years.
    """
    found = store.stat(raw_key(event, reference, store))
    if found is None or found.size != event.size:
        raise no_object()
    return found
