"""The tar of many objects, read back by another program's reader."""

import tarfile
from collections.abc import Mapping

import pytest

from services.common.objects import NewObject
from services.common.stores.snowball import packed

HEADERS = {"Content-Type": "message/rfc822", "X-Amz-Meta-Subject": "%E5%90%88%E5%90%8C = a\\b"}


def members(objects: list[NewObject]) -> list[tuple[str, bytes, Mapping[str, str]]]:
    with tarfile.open(fileobj=packed([(each, HEADERS) for each in objects]), mode="r:") as archive:
        return [(member.name, octets(archive, member), member.pax_headers) for member in archive]


def octets(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 70_000])
@pytest.mark.parametrize(
    "key", ["work/messages/2026/11/20/a.eml", "work/attachments/合同 (1).pdf", "work/" + "n" * 200]
)
def test_an_object_comes_back_with_name_bytes_and_headers(key: str, size: int) -> None:
    objects = [NewObject(key, b"\xff" * size, "message/rfc822"), NewObject("work/last", b"end", "text/plain")]
    (name, data, headers), last = members(objects)
    assert (name, data) == (key, b"\xff" * size)
    assert {f"minio.metadata.{name}": text for name, text in HEADERS.items()}.items() <= headers.items()
    assert last[:2] == ("work/last", b"end")


@pytest.mark.parametrize("length", range(80, 110))
def test_the_length_of_a_record_counts_its_own_digits(length: int) -> None:
    ((name, _, headers),) = members([NewObject("k" * length, b"", "text/plain")])
    assert name == headers["path"] == "k" * length
