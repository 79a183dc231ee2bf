"""The day of an object key comes from the content alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.message.day import header_block, message_day


@pytest.mark.parametrize(
    ("head", "day"),
    [
        (
            b"Received: from a by b; Fri, 20 Nov 2026 23:30:00 -0500\r\nDate: Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\n",
            "2026/11/21",
        ),
        (b"Received: from a\r\n by b;\r\n Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n", "2026/11/20"),
        (b"Date: 1 Jan 2001 00:30:00 +0100\n\nReceived: x; 2 Jan 2002 00:00:00 +0000\n", "2000/12/31"),
        (b"Received: without a date\nDate: Tue, 3 Mar 2020 12:00:00 GMT\n\n", "2020/03/03"),
        (b"Date: 31 Nov 2020 12:00:00 GMT\n\n", "undated"),
        (b"Date: 1 Jan 1901 12:00:00 GMT\n\n", "undated"),
        (b"", "undated"),
    ],
)
def test_day(head: bytes, day: str) -> None:
    assert message_day(header_block(head)) == day


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: b"Date: " + noise))
def test_any_bytes_have_a_day(head: bytes) -> None:
    assert re.fullmatch(r"undated|\d{4}/\d\d/\d\d", message_day(header_block(head)))
