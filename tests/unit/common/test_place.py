"""Raw names of folders as text, and back."""

from hypothesis import given
from hypothesis import strategies as st

from services.common.place import wire_octets, wire_text


@given(st.binary(max_size=40) | st.text(r"\x0aé", max_size=12).map(str.encode))
def test_a_raw_name_comes_back_from_its_text(wire: bytes) -> None:
    assert wire_octets(wire_text(wire)) == wire


def test_the_text_of_a_name_is_ascii_that_moves_nothing() -> None:
    assert wire_text(b"A&-B \\ \x1b\xe9") == r"A&-B \x5c \x1b\xe9"
