from time import process_time
from unicodedata import normalize

import pytest

from services.common.message.normal_form import normal

TEXTS = {
    "latin": "Cafe\u0301 und No\u0308te " * 500,
    "one long word": "e\u0301o\u0308" * 500,
    "vietnamese": normalize("NFD", "Tiếng Việt không dấu, Đường Lê Lợi. ") * 100,
    "korean without blanks": normalize("NFD", "대한민국" * 200),
    "japanese": normalize("NFD", "がぎぐげごパピプペポ" * 200),
    "hebrew": "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd " * 100,
    "full width": "Ａ１　ｶﾞ" * 200,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_pieces_give_what_the_whole_gives(text: str) -> None:
    assert normal("NFC", text) == normalize("NFC", text)
    assert normal("NFKC", text) == normalize("NFKC", text)


def test_marks_without_end_cost_linear_time() -> None:
    """Quadratic work takes 64 times as long for eight times as many; a busy machine may try again."""
    assert any(_seconds(160_000) < 24 * _seconds(20_000) for _ in range(5))


def _seconds(marks: int) -> float:
    text = "\u0301\u0323" * (marks // 2)
    start = process_time()
    normal("NFC", text)
    return process_time() - start
