"""Text as it is searched."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.message.search_text import query_of, search_text


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("关于合同的确认", "合同", True),
        ("关于合同的确认", "认", True),
        ("关于合同的确认", "同意", False),
        ("ＡＢＣ　ｄｅｆ", "abc DEF", True),
        ("STRASSE ÜBER", "straße über", True),
        ("mail to ada@example.org", "ada@exam", True),
        ("report_2026-11.pdf", "report 2026 pdf", True),
        ("เอกสาร", "เอก", True),
        ("हिन्दी में", "हिन्दी", True),
        ("東京タワーの写真", "タワー", True),
        ("서울특별시", "특별", True),
        ("Hello", "help", False),
        ("🔥Hot deal", "hot", True),
        ("Sale🎉🎉now", "now", True),
        ("优惠🎉大促", "🎉 大促", True),
        ("❤\ufe0fSale", "sale", True),
        ("👨\u200d👩\u200d👧family", "family 👩", True),
        ("Rechts\xadanwalts\xadkosten", "rechtsanwalt", True),
        ("Rechtsanwalt", "Rechts\xadanwalt", True),
        ("مهم؟نعم", "نعم", True),
        ("كلمة", "كلمة؟", True),
        ("كـتـاب", "كتاب", True),
        ("בית־ספר", "ספר", True),
        ("नमस्ते।दुनिया", "दुनिया", True),
        ("İSTANBUL", "istanbul", True),
        ("\ufeffsale", "sale", True),
        ("担当は佐々木です", "佐々木", True),
        ("担当は佐木です", "佐々木", False),
        ("人々の", "々", True),
        ("二〇二六年", "〇二", True),
        ("葛\U000e0100飾区", "葛飾", True),
        ("辻さん", "辻\U000e0101さん", True),
        ("这是ㄅㄆㄇ注音", "ㄆㄇ", True),
        ("✅Paid", "✅", True),
        ("love ❤\ufe0f you", "❤", True),
        ("love you", "❤", False),
        ("⭐⭐⭐ review", "⭐⭐ review", True),
        ("네ㅋㅋㅎㅎ", "ㅎㅎ", True),
        ("아쉽네요ㅋㅋㅠㅠ", "ㅠㅠ", True),
        ("네ㄳ", "ㄳ", True),
        ("\u1112\u1161\u11ab글", "한글", True),
        ("\ufffcHello", "hello", True),
        ("\ufffdtat", "tat", True),
        ("\uf0b7Item", "item", True),
        ("王\ue5f1明", "\ue5f1明", True),
        ("฿500", "500", True),
        ("צה״ל", 'צה"ל', True),
        ("བཀྲ་ཤིས", "ཤིས", True),
        ("ขอบคุณครับสวัสดีค่ะ", "สวัสดี", True),
        ("ขอบคุณครับสวัสดีค่ะ", "ปีใหม่", False),
        ("ดื่มน้ำเปล่า", "น้ำ", True),
        ("ปีพ.ศ.๒๕๖๙นี้", "๒๕๖๙", True),
        ("ไทย" * 100 + "ใบแจ้งหนี้", "แจ้งหนี้", True),
        ("ຂໍຂອບໃຈຫຼາຍໆ", "ຂອບໃຈ", True),
        ("សូមអរគុណច្រើន", "អរគុណ", True),
        ("សូម\u200bអរគុណ", "សូមអរគុណ", True),
        ("ကျေးဇူးတင်ပါတယ်", "တင်", True),
        ("sale\u200bnow", "now", True),
        ("納期の延\n期について", "延期", True),
        ("三行目の請\n求\n書です", "請求書", True),
        ("合\n\n同", "合同", False),
        ("in\nvoice", "invoice", False),
    ],
)
def test_words_match_on_both_sides(text: str, query: str, found: bool) -> None:
    words = search_text(body=text).split()
    terms = re.findall("'([^']*)':", query_of(query))
    assert terms
    assert all(any(word.startswith(term) for word in words) for term in terms) is found


@given(st.text())
def test_a_query_is_made_of_quoted_words_only(typed: str) -> None:
    terms = query_of(typed).split(" & ") if query_of(typed) else []
    assert all(re.fullmatch(r"'[^'\\\s&|!<>:*()\x00]+':\*", term) for term in terms)


@given(st.text(max_size=200))
def test_what_was_written_is_found_by_its_own_words(text: str) -> None:
    words = set(search_text(text).split())
    assert all(any(word.startswith(term) for word in words) for term in re.findall("'([^']*)':", query_of(text)))


def test_a_word_that_is_too_long_to_be_kept_is_not_asked_for() -> None:
    assert query_of("word " + "x" * 3_000) == ""
    assert query_of("合同" * 3_000)


def test_of_a_whole_text_the_first_words_are_asked_for_once() -> None:
    assert query_of(" ".join(f"word{number % 2_000}" for number in range(100_000))).count(" & ") == 499
    assert query_of("one One ONE") == "'one':*"


def test_very_long_words_are_no_words_and_each_stands_once() -> None:
    assert search_text("x" * 300, "y Y y").split() == ["y"]


def test_a_cjk_run_gives_bigrams_and_its_last_character_and_the_rest_are_words() -> None:
    words = search_text("no7合同书é 水 合同", "é" * 200).split()
    assert sorted(words) == sorted(["no7", "é", "合同", "同书", "书", "同", "水"])
