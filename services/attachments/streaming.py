"""A large attachment out of its raw message: range reads, transfer decoding, hash, one upload; constant memory."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from services.attachments.detect import HEAD_OCTETS
from services.common.claims import raw_key
from services.common.errors import Unavailable
from services.common.events import AttachmentExtracted, DataRef
from services.common.message.incremental import Decoder, decoder
from services.common.objects import ObjectStore
from services.common.service import no_object, wrong_hash

BLOCK = 4 << 20


def file_by_reference(
    event: AttachmentExtracted, store: ObjectStore, key: str, metadata: Mapping[str, str]
) -> tuple[bytes, int]:
    """Decode the referenced range into a file, verify it, store it; give its first 512 octets and how many it has.

    Raises:
        ContractViolated: the decoded bytes have another hash, and are never filed; or the claim check is none for the
            raw message of this event, or that is not in the store.
        Unavailable: the store does not answer, or there is no room for temporary files.
    """
    assert isinstance(event.body, DataRef)
    with _temporary() as file:
        size = _decode_into(file, _blocks(store, raw_key(event, event.body, store), event.body, event.size), event)
        file.seek(0)
        head = file.read(HEAD_OCTETS)
        file.seek(0)
        store.put_file(key, file, size, event.contenttype, metadata)
        return head, size


@contextmanager
def _temporary() -> Iterator[BinaryIO]:
    """A file without a name; a disk that is full is waited for, not a reason to end."""
    try:
        with tempfile.TemporaryFile() as file:
            yield file
    except OSError as error:
        raise Unavailable(
            f"no temporary file: {error.strerror}; free space or name another folder in TMPDIR"
        ) from error


def _decode_into(file: BinaryIO, blocks: Iterator[bytes], event: AttachmentExtracted) -> int:
    decoding, digest, size = decoder(event.encoding), hashlib.sha256(), 0
    for piece in _decoded(decoding, blocks):
        digest.update(piece)
        file.write(piece)
        size += len(piece)
    if digest.hexdigest() != event.partsha256:
        raise wrong_hash()
    return size


def _decoded(decoding: Decoder, blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield decoding.feed(block)
    yield decoding.finish()


def _blocks(store: ObjectStore, key: str, reference: DataRef, whole: int) -> Iterator[bytes]:
    offset = reference.first or 0
    end = whole if reference.last is None else reference.last + 1
    while offset < end:
        try:
            block = store.read(key, offset, min(BLOCK, end - offset))
        except KeyError:
            raise no_object() from None
        if not block:
            raise wrong_hash()
        yield block
        offset += len(block)
