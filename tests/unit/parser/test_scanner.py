import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.email import Defect
from services.parser.mime import scanner
from services.parser.mime.limits import Limits
from services.parser.mime.tree import Part, Tree

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


def scanned(raw: bytes, limits: Limits = Limits()) -> tuple[Tree, list[str]]:
    defects: list[Defect] = []
    return scanner.scan(raw, limits, defects), [defect.code for defect in defects]


def leaves(raw: bytes, limits: Limits = Limits()) -> dict[str, bytes]:
    tree, _ = scanned(raw, limits)
    return {part.path: raw[part.body : part.end] for part in tree.parts if part.children is None}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_parts_with_every_line_end(newline: bytes) -> None:
    raw = newline.join(
        [MIXED[:-2], b"", b"preamble", b"--b", b"", b"one", b"--b", b"A: 1", b"", b"two", b"--b--", b"x"]
    )
    assert leaves(raw) == {"1": b"one", "2": b"two"}


def test_a_single_part_is_part_one() -> None:
    assert leaves(b"Subject: x\n\nbody\n") == {"1": b"body\n"}


def test_an_mbox_separator_and_a_byte_order_mark_are_passed() -> None:
    tree, codes = scanned(b"From a@b Fri\nSubject: x\n\nbody")
    assert tree.root.header.get("subject") == " x"
    assert codes == ["header.mbox-separator"]
    assert scanned(b"\xef\xbb\xbfSubject: x\n\n")[0].root.header.get("subject") == " x"


@pytest.mark.parametrize(
    ("body", "expected", "code"),
    [
        (b"--b\n\none\n--b\n\ntwo\n", {"1": b"one", "2": b"two\n"}, "multipart.no-end"),
        (b"no parts here\n", {"1": b"no parts here\n"}, "multipart.no-parts"),
        (b"--b\nno empty line\n--b--\n", {"1": b"no empty line"}, "header.not-a-field"),
        (b"--b\nA: 1\n--b--\n", {"1": b""}, None),
        (b"--b  \t\n\none\n--b--  \n", {"1": b"one"}, None),
        (b"--bb\n--b\n\none\n--b-\n--b--", {"1": b"one\n--b-"}, None),
        (b"--b\n--b--", {"1": b""}, None),
    ],
)
def test_damage(body: bytes, expected: dict[str, bytes], code: str | None) -> None:
    assert leaves(MIXED + body) == expected
    codes = scanned(MIXED + body)[1]
    assert code in codes if code else codes == []


def test_a_boundary_that_is_the_prefix_of_its_child() -> None:
    inner = b"--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc\n\none\n--bc--\n--b\n\ntwo\n--b--\n"
    assert leaves(MIXED + inner) == {"1.1": b"one", "2": b"two"}


def test_the_parent_closes_its_children() -> None:
    inner = b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n"
    assert leaves(MIXED + inner) == {"1.1": b"one", "2": b"two"}
    assert "multipart.no-end" in scanned(MIXED + inner)[1]


def test_a_child_with_the_same_boundary() -> None:
    inner = b"--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n"
    assert leaves(MIXED + inner) == {"1.1": b"one", "2": b"two"}


def test_a_missing_boundary_is_guessed_and_an_empty_one_is_none() -> None:
    assert leaves(b"Content-Type: multipart/mixed\n\n--x\n\none\n--x--\n") == {"1": b"one"}
    assert leaves(b'Content-Type: multipart/mixed; boundary=""\n\n--\nbody') == {"1": b"--\nbody"}


WRONG = b"--b\nContent-Type: multipart/mixed; boundary=wrong\n\n"


def test_a_child_that_uses_another_boundary_than_its_own() -> None:
    used = b"--used\nContent-Type: text/plain\n\none\n--used\n\ntwo\n--used--\n"
    raw = MIXED + WRONG + used + b"--b\n\nthree\n--b--\n"
    assert leaves(raw) == {"1.1": b"one", "1.2": b"two", "2": b"three"}
    assert scanned(raw)[1] == ["multipart.boundary-guessed"]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (b"--note\nno field\n", b"--note\nno field"),
        (b"x\n--b\n\n--used\nContent-Type: a/b\n\ny\n", b"x"),
        (b"p" * 9_000 + b"\n--used\nContent-Type: a/b\n\ny\n--used--\n", None),
    ],
    ids=["no field behind it", "behind a line of the parent", "far behind the start"],
)
def test_a_line_that_starts_no_part_of_a_child(inside: bytes, expected: bytes | None) -> None:
    raw = MIXED + WRONG + inside + b"--b--\n"
    assert leaves(raw)["1"] == (inside[:-1] if expected is None else expected)


def test_only_some_children_are_searched_for_what_they_use() -> None:
    child = WRONG + b"--used\nContent-Type: text/plain\n\none\n--used--\n"
    assert len([path for path in leaves(MIXED + child * 102 + b"--b--\n") if path.endswith(".1")]) == 100


def test_deep_nesting_is_flattened_and_told() -> None:
    count = 2_000
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(count))
    raw = opened + b"\ndeep\n" + b"".join(b"--b%d--\n" % n for n in reversed(range(count)))
    tree, codes = scanned(raw)
    assert codes == ["limit.depth"]
    assert list(leaves(raw).values()) == [b"deep"]
    assert max(part.path.count(".") for part in tree.parts) == 99


def test_the_rest_behind_the_last_part_is_kept() -> None:
    raw = MIXED + b"--b\n\none\n" * 20 + b"--b--\n"
    found = leaves(raw, Limits(parts=5))
    assert len(found) == 5
    assert b"".join(found.values()).count(b"one") == 20
    assert "limit.parts" in scanned(raw, Limits(parts=5))[1]


def test_a_long_header_is_cut_and_its_body_is_found() -> None:
    raw = b"A: 1\n" * 100 + b"\nbody"
    tree, codes = scanned(raw, Limits(header_block=50))
    assert (len(tree.root.header.names), raw[tree.root.body :], codes) == (10, b"body", ["limit.header-block"])


@pytest.mark.parametrize(
    "unit", [b"\n--", b"\n--x\n", b"\n--b\n", b"\n--b\nA: 1\n", b"\n--bx", b"\n--b x", b"-", b"\r", b"=\n", b":\n"]
)
def test_time_is_linear(unit: bytes) -> None:
    """As in test_robustness: quadratic work takes sixteen times as long, ours near four."""

    def took(count: int) -> float:
        raw = MIXED + b"--b\n" + unit * count
        start = time.process_time()
        scanned(raw)
        return time.process_time() - start

    assert any(took(160_000) < 9 * max(took(40_000), 0.002) for _ in range(5))


@given(st.lists(st.sampled_from([b"--b", b"--b--", b"--c", b"--c--", b"\n", b"\r\n", b"\r", b"x", MIXED, b"A: b"])))
def test_parts_nest_and_follow_each_other(pieces: list[bytes]) -> None:
    raw = MIXED + b"".join(pieces)
    tree, _ = scanned(raw)
    for part in tree.parts:
        assert 0 <= part.start <= part.body <= part.end <= len(raw)
        _check_children(part)


def _check_children(part: Part) -> None:
    end = part.body
    for child in part.children or ():
        assert child.start >= end
        assert child.end <= part.end
        end = child.end
