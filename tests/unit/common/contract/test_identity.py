"""What a record is about is said by its key, its attributes and its value: all three have to say the same."""

import json

import pytest
from msgspec import structs

from services.common.contract.records import SPEC_BY_TYPE, SPECS, EventSpec, Record, decode
from services.common.errors import ContractViolated
from services.common.events import EmailParsed, ObjectFiled
from tests.contract import records


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_record_that_is_about_two_things_is_refused(spec: EventSpec) -> None:
    good = records.record(min((records.EXAMPLES / spec.name / "v1").glob("*.json")), spec.topic.name)
    assert decode(structs.replace(good, key=b"")) == decode(good)
    with pytest.raises(ContractViolated, match="the key is not ce_subject"):
        decode(structs.replace(good, key=good.key + b"1"))
    with pytest.raises(ContractViolated, match="ce_subject is not what the record is about"):
        decode(with_header(good, "ce_subject", b"other/f1/1/1"))
    for name in ("account", "folderid", "uidvalidity", "uid"):
        if f"ce_{name}" in dict(good.headers):
            with pytest.raises(ContractViolated, match=r"ce_subject is not|the attributes are about another message"):
                decode(with_header(good, f"ce_{name}", b"7"))


@pytest.mark.parametrize("name", ["place-relinked", "object-filed"])
def test_a_record_whose_attributes_name_another_content_is_refused(name: str) -> None:
    topic = SPEC_BY_TYPE[f"org.mailweir.{name}.v1"].topic.name
    good = records.record(min((records.EXAMPLES / name / "v1").glob("*.json")), topic)
    with pytest.raises(ContractViolated, match="the attributes are about another message"):
        decode(with_header(good, "ce_contentsha256", b"7" * 64))
    less = tuple(header for header in good.headers if header[0] != "ce_uid")
    with pytest.raises(ContractViolated, match="missing attribute uid"):
        decode(structs.replace(good, headers=less))


def with_header(record: Record, name: str, value: bytes) -> Record:
    return structs.replace(record, headers=tuple((dict(record.headers) | {name: value}).items()))


def test_parsed_mail_of_another_content_is_refused() -> None:
    path = min((records.EXAMPLES / "email-parsed" / "v1").glob("*.json"))
    good = records.record(path, "mail.parsed")
    headers = dict(good.headers) | {"ce_contentsha256": b"0" * 64}
    with pytest.raises(ContractViolated, match="id is not ce_contentsha256"):
        decode(structs.replace(good, headers=tuple(headers.items())))


@pytest.mark.parametrize("name", ["account", "folderid", "uidvalidity", "uid"])
def test_parsed_mail_whose_value_names_another_place_is_refused(name: str) -> None:
    good = records.record(records.EXAMPLES / "email-parsed" / "v1" / "abuse-report.json", "mail.parsed")
    email = json.loads(good.value or b"")
    place = email["mailweir"]["place"]
    place[name] = place[name] + 1 if isinstance(place[name], int) else "other"
    with pytest.raises(ContractViolated, match="the Email's place is not that of the attributes"):
        decode(structs.replace(good, value=json.dumps(email).encode()))
    email["mailweir"]["place"] = None
    assert isinstance(decode(structs.replace(good, value=json.dumps(email).encode())), EmailParsed)


SHA = "a" * 64
OTHER = "b" * 64


@pytest.mark.parametrize(
    ("kind", "sha256", "key"),
    [
        ("message", SHA, f"other/messages/2026/11/20/{SHA}.eml"),
        ("message", SHA, f"work/../other/messages/{SHA}.eml"),
        ("message", SHA, f"work/messages/../../other/messages/{SHA}.eml"),
        ("message", SHA, f"work/messages/2026/11/20/{OTHER}.eml"),
        ("message", OTHER, f"work/messages/2026/11/20/{OTHER}.eml"),
        ("message", SHA, f"work/attachments/{SHA}/a.eml"),
        ("attachment", OTHER, f"other/attachments/{OTHER}/a.pdf"),
        ("attachment", OTHER, f"work/attachments/{SHA}/a.pdf"),
        ("attachment", OTHER, f"work/attachments/{OTHER}/../../../other/a.pdf"),
        ("attachment", OTHER, f"work/attachments/{OTHER}/"),
    ],
)
def test_an_object_that_is_filed_elsewhere_than_its_account_and_hash_say_is_refused(
    kind: str, sha256: str, key: str
) -> None:
    with pytest.raises(ContractViolated, match="the key is not one of this account, kind and hash"):
        decode(filed(kind, sha256, key))


def test_an_object_is_read_where_every_version_files_it() -> None:
    for kind, sha256, key in (
        ("message", SHA, f"work/messages/undated/{SHA}.eml"),
        ("message", SHA, f"work/messages/2026/11/20/{SHA}.eml"),
        ("attachment", OTHER, f"work/attachments/{OTHER}/合同 (1).pdf"),
    ):
        event = decode(filed(kind, sha256, key))
        assert isinstance(event, ObjectFiled)
        assert event.key == key


def filed(kind: str, sha256: str, key: str) -> Record:
    good = records.record(min((records.EXAMPLES / "object-filed" / "v1").glob("*.json")), "mail.filed")
    value = json.loads(good.value or b"") | {"kind": kind, "sha256": sha256, "key": key, "contentsha256": SHA}
    named = with_header(good, "ce_contentsha256", SHA.encode())
    return structs.replace(named, value=json.dumps(value).encode())
