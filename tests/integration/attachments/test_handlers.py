"""Raw messages and files into a real store: verified, streamed, never visible when wrong."""

import base64
import hashlib
import io
import quopri
import resource
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.attachments import handlers
from services.common.claims import raw_key
from services.common.errors import Unavailable
from services.common.events import AttachmentExtracted, DataRef, ObjectFiled
from services.common.message.day import header_block, message_day
from services.common.objects import message_key, uri_of
from services.common.service import Rejected
from services.common.stores.folder import FolderStore
from tests.fakes.mail_events import fetched, message, parsed, place, with_file


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def visible(store: FolderStore) -> list[str]:
    return list(store.keys(""))


async def test_a_message_is_filed_by_account_and_day_and_described(store: FolderStore) -> None:
    raw = message("合同").as_bytes()
    (filed,) = await handlers.file_messages([fetched(raw)], store=store)
    assert isinstance(filed, ObjectFiled)
    assert filed.key == message_key("work", "2026/11/20", hashlib.sha256(raw).hexdigest())
    assert store.read(filed.key) == raw
    assert (filed.kind, filed.objectsize, filed.contenttype, filed.detectedtype, filed.partid) == (
        "message", len(raw), "message/rfc822", "message/rfc822", None,
    )  # fmt: skip
    found = store.stat(filed.key)
    assert found is not None
    assert found.metadata["subject"] == "合同"
    assert found.metadata["place"] == place().subject


async def test_repeats_and_copies_are_one_object_and_each_is_said(store: FolderStore) -> None:
    raw = message().as_bytes()
    outcomes = await handlers.file_messages([fetched(raw, 1), fetched(raw, 2), fetched(raw, 1)], store=store)
    assert len(outcomes) == 3
    assert len(visible(store)) == 1


async def test_a_wrong_hash_is_never_visible(store: FolderStore) -> None:
    bad = replace(fetched(b"x"), contentsha256="0" * 64)
    (outcome,) = await handlers.file_messages([bad], store=store)
    assert isinstance(outcome, Rejected)
    _, (file,) = await parsed(with_file(message(), b"data", "a.pdf").as_bytes())
    (outcome,) = await handlers.file_attachments([replace(file, partsha256="0" * 64, hashed=False)], store=store)
    assert isinstance(outcome, Rejected)
    assert visible(store) == []


@pytest.mark.parametrize(
    "name", ["../../x", "a\x00b", "\u202egpj.exe", "x" * 300, "CON", "", "合同 final.pdf", "a/b\\c", ".", ".."]
)
async def test_hostile_names_are_stored_safely_and_said_as_sent(store: FolderStore, name: str) -> None:
    raw = with_file(message(), b"%PDF-1", "placeholder.pdf").as_bytes()
    sent = base64.b64encode(name.encode()).decode()
    raw = raw.replace(b'filename="placeholder.pdf"', f'filename="=?utf-8?B?{sent}?="'.encode())
    _, (file,) = await parsed(raw)
    (filed,) = await handlers.file_attachments([file], store=store)
    assert isinstance(filed, ObjectFiled)
    *folder, last = filed.key.split("/")
    assert folder == ["work", "attachments", file.partsha256]
    assert 0 < len(last.encode()) <= 255
    assert store.read(filed.key) == b"%PDF-1"
    assert filed.detectedtype == "application/pdf"


@pytest.mark.parametrize(
    "changed",
    [
        *({"safename": name} for name in ("../../x", "a/b", "", ".", "..", "n" * 256, "n" * 3_000, "a\x00", "\ufffe")),
        *({"safename": name} for name in (" ..", ".. ", " . ", "\\..\\a", "a__XLDIR__")),
        *({"account": name} for name in ("..", "", "other/attachments", "a" * 300, ".incoming")),
    ],
    ids=ascii,
)
async def test_what_no_key_may_hold_is_refused_and_its_neighbours_are_stored(
    store: FolderStore, changed: dict[str, str]
) -> None:
    _, (file,) = await parsed(with_file(message(), b"data", "a.pdf").as_bytes())
    _, (other,) = await parsed(with_file(message(), b"more", "b.pdf").as_bytes())
    where = replace(place(), account=changed.get("account", "work"))
    bad = replace(file, place=where, safename=changed.get("safename", "a.pdf"))
    refused, filed = await handlers.file_attachments([bad, other], store=store)
    assert isinstance(refused, Rejected)
    assert (refused.error, isinstance(filed, ObjectFiled)) == ("refused.name", True)
    if "account" in changed:
        refused, filed = await handlers.file_messages([replace(fetched(b"x"), place=where), fetched(b"y")], store=store)
        assert isinstance(refused, Rejected)
        assert (refused.error, isinstance(filed, ObjectFiled)) == ("refused.name", True)
    assert all(key.startswith("work/") for key in visible(store))


async def test_the_size_of_an_object_is_counted_not_believed(store: FolderStore) -> None:
    _, (file,) = await parsed(with_file(message(), b"data", "a.pdf").as_bytes())
    (filed,) = await handlers.file_attachments([replace(file, partsize=99)], store=store)
    assert isinstance(filed, ObjectFiled)
    assert filed.objectsize == 4


def claim(store: FolderStore, data: bytes, encoding: str) -> AttachmentExtracted:
    """A file behind a claim check, encoded inside its raw message as it lies in the store."""
    encoded = {
        "base64": lambda: base64.encodebytes(data),
        "quoted-printable": lambda: quopri.encodestring(data),
        "identity": lambda: data,
    }[encoding]()
    raw = b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n" + encoded + b"\r\n--b--\r\n"
    key = message_key("work", message_day(header_block(raw)), hashlib.sha256(raw).hexdigest())
    store.put_file(key, io.BytesIO(raw), len(raw), "message/rfc822", {})
    first = raw.index(b"\r\n\r\n") + 4
    body = DataRef(uri_of(store.bucket, key), first, first + len(encoded) - 1)
    common: Any = {"place": place(), "contentsha256": hashlib.sha256(raw).hexdigest(), "internaldate": None}
    return AttachmentExtracted(
        **common, size=len(raw), body=body, encoding=encoding, partid="2", partsize=len(data), safename="big.bin",
        partsha256=hashlib.sha256(data).hexdigest(), contenttype="application/zip",
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "identity"])
async def test_a_large_file_is_streamed_out_of_its_message(store: FolderStore, encoding: str) -> None:
    data = b"%PDF-1" + bytes(range(256)) * 40_000
    event = claim(store, data, encoding)
    (filed,) = await handlers.file_attachments([event], store=store)
    assert filed == said_of(event, store, len(data))
    assert store.read(filed.key) == data


async def test_a_claim_check_without_offsets_is_the_whole_message(store: FolderStore) -> None:
    event = claim(store, b"%PDF-1" + bytes(range(256)) * 40_000, "identity")
    assert isinstance(event.body, DataRef)
    raw = store.read(raw_key(event, event.body, store))
    rest = raw[event.body.first or 0 :]
    whole = replace(event, body=replace(event.body, first=None, last=None), partsha256=hashlib.sha256(raw).hexdigest())
    open_end = replace(event, body=replace(event.body, last=None), partsha256=hashlib.sha256(rest).hexdigest())
    for reference, data in ((whole, raw), (open_end, rest)):
        (filed,) = await handlers.file_attachments([reference], store=store)
        assert isinstance(filed, ObjectFiled)
        assert store.read(filed.key) == data


def said_of(event: AttachmentExtracted, store: FolderStore, size: int) -> ObjectFiled:
    """What is to be said of a PDF, whatever its sender called it."""
    return ObjectFiled(
        place=event.place, contentsha256=event.contentsha256, internaldate=event.internaldate, size=event.size,
        kind="attachment", sha256=event.partsha256, bucket=store.bucket, objectsize=size, contenttype=event.contenttype,
        key=f"work/attachments/{event.partsha256}/{event.safename}", detectedtype="application/pdf",
        partid=event.partid, filename=event.filename,
    )  # fmt: skip


async def test_what_is_said_of_a_small_file_and_kept_beside_it(store: FolderStore) -> None:
    _, (file,) = await parsed(with_file(message(), b"%PDF-1", "合同.zip", "zip").as_bytes())
    named, nameless = await handlers.file_attachments([file, replace(file, filename=None, safename="x")], store=store)
    assert (file.filename, file.contenttype) == ("合同.zip", "application/zip")
    assert named == said_of(file, store, 6)
    kept, other = (store.stat(each.key) for each in (named, nameless) if isinstance(each, ObjectFiled))
    assert kept is not None
    assert other is not None
    assert {name: kept.metadata.get(name) for name in ("part", "filename", "place")} == {
        "part": file.partid,
        "filename": "合同.zip",
        "place": place().subject,
    }
    assert "filename" not in other.metadata


async def test_streaming_takes_constant_memory(store: FolderStore) -> None:
    event = claim(store, b"0123456789abcdef" * (4 << 20), "base64")
    tracemalloc.start()
    (filed,) = await handlers.file_attachments([event], store=store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(filed, ObjectFiled)
    assert peak < 40 << 20


async def test_a_damaged_or_absent_reference_is_refused_and_leaves_nothing(store: FolderStore) -> None:
    event = claim(store, b"data" * 1000, "base64")
    assert isinstance(event.body, DataRef)
    before = visible(store)
    cut = replace(event, body=replace(event.body, last=(event.body.last or 0) - 50))
    gone = replace(event, body=DataRef("s3://mailweir/work/messages/none.eml", 0, 10))
    outcomes = await handlers.file_attachments([cut, gone], store=store)
    assert [each.error for each in outcomes if isinstance(each, Rejected)] == ["refused.hash", "refused.object"]
    assert visible(store) == before


async def test_a_full_disk_for_temporary_files_is_waited_for(store: FolderStore) -> None:
    large = claim(store, b"x" * 3_000_000, "base64")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        with pytest.raises(Unavailable, match=r"no temporary file: .*TMPDIR"):
            await handlers.file_attachments([large], store=store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (filed,) = await handlers.file_attachments([large], store=store)
    assert isinstance(filed, ObjectFiled)


async def test_a_claim_check_to_anything_but_the_raw_message_is_refused(store: FolderStore) -> None:
    event = claim(store, b"data" * 1000, "base64")
    assert isinstance(event.body, DataRef)
    raw = fetched(b"", body=replace(event.body, first=None, last=None))
    raw = replace(raw, contentsha256=event.contentsha256, size=event.size)
    (filed,) = await handlers.file_messages([raw], store=store)
    assert isinstance(filed, ObjectFiled)
    before = visible(store)
    others = [
        {"body": replace(raw.body, uri=raw.body.uri.replace("s3://mailweir/", "s3://elsewhere/"))},
        {"place": place(account="home")},
        {"contentsha256": "0" * 64},
        {"size": 10**30},
    ]
    outcomes = await handlers.file_messages([replace(raw, **other) for other in others], store=store)
    assert [each.error for each in outcomes if isinstance(each, Rejected)] == ["refused.object"] * 4
    others[0] = {"body": replace(event.body, uri=event.body.uri.replace("s3://mailweir/", "s3://elsewhere/"))}
    others[3] = {"body": replace(event.body, first=10**9, last=10**18)}
    outcomes = await handlers.file_attachments([replace(event, **other) for other in others], store=store)
    errors = [each.error for each in outcomes if isinstance(each, Rejected)]
    assert errors == ["refused.object"] * 3 + ["refused.hash"]
    assert visible(store) == before
