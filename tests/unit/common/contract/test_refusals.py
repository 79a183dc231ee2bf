"""What is no event of the contract is refused by a name and in words, never raised otherwise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.common import events as ev
from services.common.contract.records import SPECS, EventSpec, Record, decode, encode
from services.common.errors import ContractViolated
from tests.contract import records
from tests.unit.common.contract.good_record import HERE, NOW, fetched_with

HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_type", "ce_account", "ce_uid", "ce_size", "ce_internaldate", "ce_datarange", "x"]),
        st.binary(max_size=12),
    ),
    max_size=8,
).map(tuple)


@given(st.sampled_from(SPECS), HEADERS, st.none() | st.binary(max_size=60))
def test_noise_is_refused_by_name(spec: object, headers: tuple[tuple[str, bytes], ...], value: bytes | None) -> None:
    typed = (*headers, ("ce_type", spec.type.encode()))  # type: ignore[attr-defined]
    with pytest.raises(ContractViolated) as refused:
        decode(Record(spec.topic.name, b"k", value, typed))  # type: ignore[attr-defined]
    assert refused.value.code.startswith("contract.")


def test_an_unknown_major_is_refused() -> None:
    record = Record("mail.fetched", b"k", b"x", (("ce_type", b"org.mailweir.message-fetched.v2"),))
    with pytest.raises(ContractViolated, match=r"is not read from mail\.fetched"):
        decode(record)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "subject", "time"])
def test_an_event_without_an_attribute_of_every_event_is_refused(name: str) -> None:
    good = fetched_with()
    less = structs.replace(good, headers=tuple(header for header in good.headers if header[0] != f"ce_{name}"))
    for record in (less, fetched_with(**{name: ""})):
        with pytest.raises(ContractViolated, match=f"missing attribute {name}"):
            decode(record)


def test_another_version_of_cloudevents_is_refused() -> None:
    with pytest.raises(ContractViolated, match=r"CloudEvents '2\.0' are not read"):
        decode(fetched_with(specversion="2.0"))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.value != "bytes"], ids=lambda spec: spec.name)
@pytest.mark.parametrize("piece", [b'{"more": ', b"["])
def test_a_value_that_is_nested_deeper_than_a_stack_is_refused(spec: EventSpec, piece: bytes) -> None:
    end = b"}" if piece.startswith(b"{") else b"]"
    deep = b'{"more": ' + piece * 100_000 + b"1" + end * 100_000 + b"}"
    headers = (*fetched_with(type=spec.type).headers,)
    with pytest.raises(ContractViolated, match="nested too deeply"):
        decode(Record(spec.topic.name, b"k", deep, headers))


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_outside_of_the_calendar_is_refused(moment: str) -> None:
    with pytest.raises(ContractViolated, match="years 1 to 9999"):
        decode(fetched_with(internaldate=moment))
    audited = ev.AccessAudited(id="1", at=NOW, service="s", account="a", action="list", outcome="ok")
    record = encode(audited, "s", NOW)
    assert record.value is not None
    value = record.value.replace(b"2026-11-20T09:00:00Z", moment.encode())
    assert value != record.value
    with pytest.raises(ContractViolated, match="years 1 to 9999"):
        decode(structs.replace(record, value=value))


@pytest.mark.parametrize("name", ["uid", "uidvalidity", "size"])
@pytest.mark.parametrize("number", ["-1", str(2**63), "9" * 5_000, "1.0", "", "1_0", " 1", "+1", "１"])
def test_a_number_that_is_none_of_a_mailbox_is_refused(name: str, number: str) -> None:
    with pytest.raises(ContractViolated, match=rf"contract\.schema: .* ce_{name} is (no number|larger)"):
        decode(fetched_with(**{name: number}))


def test_a_moment_that_is_none_is_named() -> None:
    with pytest.raises(ContractViolated, match="ce_internaldate is no moment"):
        decode(fetched_with(internaldate="yesterday"))


@pytest.mark.parametrize("moment", ["2026-11-20T10:00:00", "2026-11-20", "20261120"])
def test_a_moment_that_each_reader_would_take_for_another_is_refused(moment: str) -> None:
    with pytest.raises(ContractViolated, match="ce_internaldate is a moment without an offset"):
        decode(fetched_with(internaldate=moment))
    audited = encode(ev.AccessAudited(id="1", at=NOW, service="s", account="a", action="list", outcome="ok"), "s", NOW)
    value = (audited.value or b"").replace(b"2026-11-20T09:00:00Z", b"2026-11-20T09:00:00")
    with pytest.raises(ContractViolated, match=r"with a timezone component - at `\$\.at`"):
        decode(structs.replace(audited, value=value))


def test_a_moment_of_a_parsed_mail_without_an_offset_is_refused() -> None:
    good = records.record(records.EXAMPLES / "email-parsed" / "v1" / "plain.json", "mail.parsed")
    value = json.loads(good.value or b"")
    naive = json.dumps(value | {"receivedAt": value["receivedAt"].rstrip("Z")}).encode()
    with pytest.raises(ContractViolated, match=r"with a timezone component - at `\$\.receivedAt`"):
        decode(structs.replace(good, value=naive))


@pytest.mark.parametrize(
    ("name", "enum"),
    [
        ("account-reported", "state"),
        ("account-reported", "signin"),
        ("access-audited", "outcome"),
        ("object-filed", "kind"),
    ],
)
def test_a_value_of_a_newer_version_is_kept_aside_until_the_upgrade(name: str, enum: str) -> None:
    spec = next(spec for spec in SPECS if spec.name == name)
    good = records.record(min((records.EXAMPLES / name / "v1").glob("*.json")), spec.topic.name)
    newer = json.loads(good.value or b"") | {"later": [1], enum: "later"}
    with pytest.raises(ContractViolated, match=rf"contract\.schema: .*Invalid enum value 'later' - at `\$\.{enum}`"):
        decode(structs.replace(good, value=json.dumps(newer).encode()))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.value == "json"], ids=lambda spec: spec.name)
def test_a_number_that_not_every_reader_keeps_is_refused(spec: EventSpec) -> None:
    """A sequence above all that come later would also leave its folder as it is for ever."""
    good = records.record(min((records.EXAMPLES / spec.name / "v1").glob("*.json")), spec.topic.name)
    value = json.loads(good.value or b"")
    numbers = [name for name, number in value.items() if isinstance(number, int) and not isinstance(number, bool)]
    assert numbers
    for name in numbers:
        decode(structs.replace(good, value=json.dumps(value | {name: 2**53 - 1}).encode()))
        with pytest.raises(ContractViolated, match=f"{name} is larger than a JSON number"):
            decode(structs.replace(good, value=json.dumps(value | {name: 2**53}).encode()))


def test_a_record_without_a_type_is_told_so() -> None:
    with pytest.raises(ContractViolated, match=r"contract\.type: a record without ce_type is not"):
        decode(Record("mail.audit", b"k", b"{}", ()))


def test_an_attribute_that_is_there_twice_is_refused() -> None:
    good = fetched_with()
    for name in ("ce_uid", "ce_type", "content-type"):
        twice = structs.replace(good, headers=(*good.headers, (name, dict(good.headers)[name])))
        with pytest.raises(ContractViolated, match="is there twice"):
            decode(twice)


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.value != "bytes"], ids=lambda spec: spec.name)
def test_a_value_that_names_a_property_twice_is_refused(spec: EventSpec) -> None:
    good = records.record(min((records.EXAMPLES / spec.name / "v1").glob("*.json")), spec.topic.name)
    value, name = good.value or b"", next(iter(json.loads(good.value or b"")))
    again = json.dumps(json.loads(value)[name]).encode()
    names = (f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"')
    unknown = b'{"later": {"a": [{"b": 1, "c": 9%s, "b": 1.5}]}, ' % (b"0" * 5_000)
    for twice in (*(b"{" + said.encode() + b": " + again + b", " for said in names), unknown):
        with pytest.raises(ContractViolated, match="a property is there twice"):
            decode(structs.replace(good, value=twice + value[1:]))
    once = unknown.replace(b'"c"', b'"b\\n"').replace(b'"b": 1,', b'"\\ud83d\\ude00": -1e999,')
    assert decode(structs.replace(good, value=once + value[1:])) == decode(good)


@pytest.mark.parametrize("account", ["", "..", "work/x", "../work", " work", "work\n", "работа", "w" * 64])
def test_what_no_account_is_called_is_refused(account: str) -> None:
    place = structs.replace(HERE, account=account)
    relinked = ev.PlaceRelinked(place=place, contentsha256="0" * 64, internaldate=NOW, size=1)
    where = {"folderid": "f1", "folder": "INBOX", "wire": "INBOX", "uidvalidity": 1}
    gone = ev.FolderGone(account=account, **where, sequence=1)
    audited = ev.AccessAudited(id="1", at=NOW, service="s", account=account, action="list", outcome="ok")
    reported = ev.AccountReported(account=account, state="active", signin="ok", sequence=1)
    told = [encode(event, "poller", NOW) for event in (relinked, gone, audited, reported)]
    for record in [fetched_with(account=account), *told]:
        with pytest.raises(ContractViolated, match=r"not the name of an account|missing attribute"):
            decode(record)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"<html>", r"JSON is malformed: invalid character \(byte 0\)"),
        (b'{"account": ', "Input data was truncated"),
        (b'{"account": "\xff"}', "text is not UTF-8"),
        (b'{"account": NaN}', "JSON is malformed"),
        (b'\xef\xbb\xbf{"account": "work"}', "JSON is malformed"),
        (b'{"account": "\\ud800 and more"}', "JSON is malformed"),
        (b"[" * 100_000, "nested too deeply|Expected `object`"),
    ],
)
def test_a_value_that_is_no_json_is_refused_in_words(value: bytes, why: str) -> None:
    good = encode(ev.AccountReported(account="work", state="active", signin="ok", sequence=1), "poller", NOW)
    with pytest.raises(ContractViolated, match=f"account-reported.v1: .*({why})"):
        decode(structs.replace(good, value=value))


def test_a_reason_does_not_repeat_what_a_stranger_wrote_at_length() -> None:
    with pytest.raises(ContractViolated, match=r"is not read from mail\.fetched") as refused:
        decode(fetched_with(type="x" * 900_000))
    assert len(refused.value.reason) < 300


@pytest.mark.parametrize(
    "claim",
    [
        {"dataref": "s3://mailweir/../../etc/passwd"},
        {"dataref": "s3://mailweir//a"},
        {"dataref": "s3://mailweir/a\x00b"},
        {"dataref": "s3://mailweir/" + "n" * 1_025},
        {"dataref": "file:///etc/passwd"},
        {"dataref": ""},
        {"dataref": "s3://mailweir/a", "datarange": "9-7"},
        {"dataref": "s3://mailweir/a", "datarange": "-9-1"},
        {"dataref": "s3://mailweir/a", "datarange": "0--2"},
        {"dataref": "s3://mailweir/a", "datarange": f"0-{10**30}"},
        {"dataref": "s3://mailweir/a", "datarange": "all-of-it"},
        {"dataref": "s3://mailweir/a", "datarange": "5"},
        {"dataref": "s3://mailweir/a", "datarange": ""},
    ],
)
def test_a_claim_check_to_nowhere_is_refused(claim: dict[str, str]) -> None:
    with pytest.raises(ContractViolated, match=r"contract\.schema"):
        decode(fetched_with(**claim))
