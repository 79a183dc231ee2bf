import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import words

HALF = base64.b64encode("中文".encode()[:4]).decode()
REST = base64.b64encode("中文".encode()[4:]).decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (" folded\r\n\tline ", "folded line"),
        ("=?utf-8?Q?caf=C3=A9?=", "café"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"),
        (f"=?utf-8?B?{HALF}?=\r\n =?UTF-8?B?{REST}?=", "中文"),
        ("=?gb2312?B?1tDOxA?=", "中文"),
        ("=?utf-8*en?Q?hi_there?=", "hi there"),
        ("=?utf-7?Q?+AOQ?= =?utf-7?Q?bc?=", "äbc"),
        ("=?hz-gb-2312?Q?~{VP?= =?hz-gb-2312?Q?abc?=", "中abc"),
        ("=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?S1wbKEI=?=", "日本"),
        ("=?iso-2022-jp?B?GyRCRnxLXA==?= =?iso-2022-jp?Q?abc?=", "日本abc"),
        ("=?utf-16?B?//7kAA==?= =?utf-16?B?//5iAA==?=", "äb"),
        ("=?utf-8?Q?blank inside?=glued", "blank insideglued"),
        ("=?x-unknown?Q?caf=C3=A9?=", "café"),
        ("=?utf-8?Q?no end", "=?utf-8?Q?no end"),
        ("=?utf-8?Q?why? so??=", "why? so?"),
        ("=?utf-8?Q?a=3D=C3=A9=?= =?utf-8?Q?==?=", "a=é==="),
        ("=?x-gb2312?B?1tDOxA?=", "中文"),
        ("=?utf-8?Q??=\n =?utf-8?Q?=3F?=", "?"),
        ("=?iso-8859-1?Q?=80?=", "€"),
        ("a\x00b\x07c", "ab c"),
    ],
)
def test_text(value: str, expected: str) -> None:
    assert words.text(value) == expected


def test_many_starts_without_an_end_cost_nothing() -> None:
    assert words.decode("=?utf-8?q?" * 50_000).startswith("=?utf-8?q?")


def test_words_behind_the_first_256_kib_stay_as_they_are() -> None:
    found = words.decode("=?utf-8?Q?=C3=A9?=x" * 20_000)
    assert found.startswith("éxéx")
    assert found.endswith("=?utf-8?Q?=C3=A9?=x")


@given(st.text(alphabet="=?utf-8QqBb_ AZ+/\r\n\t中\x00", max_size=80))
def test_the_result_is_one_clean_line(value: str) -> None:
    found = words.text(value)
    assert not set(found) & set("\r\n\x00\t")
    found.encode()


@given(st.text(max_size=30))
def test_what_was_encoded_comes_back(value: str) -> None:
    sent = f"=?utf-8?B?{base64.b64encode(value.encode()).decode()}?="
    assert words.decode(sent) == value.removeprefix("\ufeff")
