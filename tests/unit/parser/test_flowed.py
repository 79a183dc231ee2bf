from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime.flowed import unflow


def test_soft_breaks_are_joined() -> None:
    assert unflow("one \ntwo \nthree\nfour") == "one two three\nfour"


def test_quote_depths_stay_apart() -> None:
    assert unflow(">> a \n>> b\n> c \nd") == ">> a b\n> c\nd"


def test_space_stuffing_is_cut_after_the_quote_marks() -> None:
    assert unflow(" From\n>  x\n > y") == "From\n>  x\n> y"


def test_delsp_drops_the_blank() -> None:
    assert unflow("漢 \n字", delsp=True) == "漢字"


def test_the_signature_separator_is_never_joined() -> None:
    assert unflow("bye \n-- \nAnn") == "bye\n-- \nAnn"
    assert unflow("> bye \n> -- \n> Ann") == "> bye\n> -- \n> Ann"


def test_line_ends_become_lf() -> None:
    assert unflow("a \r\nb\rc") == "a b\nc"


@settings(deadline=None)
@given(st.text(alphabet="ab >-\r\n", max_size=80), st.booleans())
def test_no_letter_is_lost(text: str, delsp: bool) -> None:
    assert [char for char in unflow(text, delsp=delsp) if char in "ab"] == [char for char in text if char in "ab"]
