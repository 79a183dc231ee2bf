"""What the object store shows of a message: sender and subject as a person reads them, whatever was sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.message.day import header_block
from services.common.message.heading import heading

CASES = {
    "plain": (
        b"From: Ann <ann@example.test>\r\nSubject: Weir\r\n\r\nx",
        {"from": "Ann <ann@example.test>", "subject": "Weir"},
    ),
    "encoded": (b"Subject: =?utf-8?B?5rC05L2N?= =?gbk?B?1cfBy9K7teM=?=\r\n\r\n", {"subject": "水位涨了一点"}),
    "folded": (b"subject : one\r\n two\r\n\tthree\r\nTo: x\r\n\r\n", {"subject": "one two three"}),
    "raw UTF-8": ("Subject: 闸门\n\n".encode(), {"subject": "闸门"}),
    "more than the label": (b"Subject: =?gb2312?B?1uzpRrv5?= =?GBK?Q?=E8=B4?=\n\n", {"subject": "朱镕基璐"}),
    "a label with marks": (b"Subject: =?ks_c_5601-1987?B?jGM=?= =?iso-8859-1?Q?=80?=\n\n", {"subject": "똠€"}),
    "a language": (b"Subject: =?utf-8*zh-CN?B?5rC0?=\n\n", {"subject": "水"}),
    "unknown charset": (b"Subject: =?x-none?Q?gate?=\n\n", {"subject": "=?x-none?Q?gate?="}),
    "a cut word": (b"Subject: =?utf-8?B?5rC05?= x\n\n", {"subject": "=?utf-8?B?5rC05?= x"}),
    "a character in two words": (b"Subject: =?utf-8?B?5rA=?=\r\n =?UTF-8?q?=B4_1?=\n\n", {"subject": "水 1"}),
    "raw octets in a word": (b"Subject: \xe6\xb0\xb4 =?iso-8859-1?q?Fr\xf6sche?=\n\n", {"subject": "水 Frösche"}),
    "spaces in a word": (b"Subject: =?utf-8?q?a=09=E3=80=80b?=\n\n", {"subject": "a b"}),
    "controls": (b"Subject: a\x07b \xe2\x80\xaec\n\n", {"subject": "ab c"}),
    "in the body": (b"To: x@example.test\n\nSubject: no\n", {}),
    "no body": (b"Subject: only", {"subject": "only"}),
    "nothing said": (b"Subject:  \r\nFrom:\r\n\r\n", {}),
    "part of a name": (b"X-Subject: no\nSubject-Of: no\n\n", {}),
}


@pytest.mark.parametrize("name", CASES)
def test_sender_and_subject_are_shown_as_a_person_reads_them(name: str) -> None:
    raw, shown = CASES[name]
    assert heading(header_block(raw)) == shown


def test_a_heading_is_decoded_and_short() -> None:
    raw = b"From: =?utf-8?B?546L?= <w@x>\r\nSubject: a\r\n =?gb18030?B?us/NrA==?= z\r\n\r\nSubject: body"
    assert heading(header_block(raw)) == {"from": "王 <w@x>", "subject": "a 合同 z"}
    assert len(heading(b"\nSubject: " + b"x" * 10_000 + b"\n")["subject"]) == 200
    assert heading(b"\nSubject: =?none?B?!!!?= \x00\x1b[0m\n")["subject"].isprintable()
    assert heading(b"\nReceived: x\n" + b" by a way station\n" * 2_000 + b"Subject: last\n") == {"subject": "last"}


@given(st.binary(max_size=500))
def test_any_bytes_have_a_heading(raw: bytes) -> None:
    assert all(text.isprintable() for text in heading(header_block(b"Subject: " + raw + b"\nFrom:" + raw)).values())
