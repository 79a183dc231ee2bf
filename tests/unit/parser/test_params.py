import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.parser.mime import params


@pytest.mark.parametrize(
    ("value", "main", "expected"),
    [
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", {"charset": "us-ascii"}),
        ('a/b; NAME="x;y.txt"', "a/b", {"name": "x;y.txt"}),
        ("a/b; name=my file.txt; x=1", "a/b", {"name": "my file.txt", "x": "1"}),
        ('attachment; filename="open.pdf', "attachment", {"filename": "open.pdf"}),
        ('a/b; name="=?utf-8?B?5Lit?=.pdf"', "a/b", {"name": "中.pdf"}),
        ("attachment; filename=report(1).pdf", "attachment", {"filename": "report(1).pdf"}),
        ("attachment; filename=report (1).pdf", "attachment", {"filename": "report (1).pdf"}),
        ("attachment; filename=a (b) (c) d.pdf; x=1", "attachment", {"filename": "a (b) (c) d.pdf", "x": "1"}),
        ("attachment; filename=report.pdf (1) ; x=1", "attachment", {"filename": "report.pdf", "x": "1"}),
        ('attachment; filename="a\tb\x07.pdf"; x="e\u0301"', "attachment", {"filename": "a b .pdf", "x": "é"}),
        ('a/b; boundary="e\u0301\x07"; x="y\\z"', "a/b", {"boundary": "e\u0301\x07", "x": "y\\z"}),
        ("a/b; n*0*=utf-8''%e4%b8; n*1*=%ad.txt", "a/b", {"n": "中.txt"}),
        ("a/b; n*1=b; n*0=a", "a/b", {"n": "ab"}),
        ("a/b; n*0=a; n*2=c", "a/b", {"n": "a"}),
        ("a/b; n*=utf-8''%e4%b8%ad; n=plain", "a/b", {"n": "中"}),
        ("a/b; n*=iso-8859-1'de'f%fc", "a/b", {"n": "fü"}),
        ('a/b; n="a\\"b"', "a/b", {"n": 'a"b'}),
        ("a/b; charset='utf-8'", "a/b", {"charset": "'utf-8'"}),
        ("", "", {}),
    ],
)
def test_values(value: str, main: str, expected: dict[str, str]) -> None:
    found = params.parse(value)
    assert (found.main, found.params) == (main, expected)


def test_the_first_of_two_counts_and_that_is_told() -> None:
    found = params.parse("a/b; x=1; x=2")
    assert (found.params, found.defects) == ({"x": "1"}, ("params.repeated",))


def test_limits() -> None:
    found = params.parse("a/b" + "".join(f"; n*{number}=x" for number in range(5_000)))
    assert "limit.parameters" in found.defects
    assert found.params["n"] == "x" * 100


@given(st.text(alphabet="ab/;=\"'*%01 (\\)\r\n?中", max_size=80))
def test_anything_gives_clean_values(value: str) -> None:
    found = params.parse(value)
    for text in found.params.values():
        assert not set(text) & set("\r\n\x00")
        text.encode()
