"""Text as it is searched: the same words on both sides, whatever the database's locale. Pure.

Words are folded (NFKC, then case), split at everything that is no letter or digit, and runs of CJK characters become
bigrams, so that Chinese mail is found without a database extension.
"""

import re
from itertools import pairwise

from services.common.normal_form import normal

TEXT_KEPT = 60_000  # a tsvector holds 1 MB at most, and a CJK character takes 10 to 12 octets of it
_CJK = (
    "\u2e80-\u2fdf\u3041-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_CJK}]+")
_GRAM = re.compile(f"(?=([{_CJK}]{{1,2}}))")  # of each character: with the next one, or alone as the last of its run
_LONGEST = 200  # longer ones are encoded data
_BETWEEN = re.compile("[\x80-\xbf\u2000-\u2bff\u3000-\u303f\xd7\xf7]+")  # what NFKC leaves of signs beyond ASCII
_ASCII = bytes(32 if code < 128 and not chr(code).isalnum() else ord(chr(code).lower()) for code in range(128))
_OCTETS = _ASCII + bytes(range(128, 256))  # of UTF-8: what is not ASCII stays


def search_text(*texts: str | None) -> str:
    """The different words of the texts, as Postgres reads a tsvector; a CJK run gives its bigrams and last character.

    The last one is there so that a single character is found wherever it stands. Measured: half the cost of
    storing a message was ``to_tsvector``, and folding each different word once is a third cheaper than folding all.
    """
    octets = " ".join(text for text in texts if text)[:TEXT_KEPT].encode(errors="replace")
    words = set(octets.translate(_OCTETS).split())
    ascii_words = [word for word in filter(bytes.isascii, words) if len(word) < _LONGEST]
    others = _folded(b" ".join(words.difference(ascii_words)).decode())
    parts = {part for part in _RUN.sub(" ", others).split() if len(part) < _LONGEST}
    return " ".join([b" ".join(ascii_words).decode(), *parts.union(_GRAM.findall(others))])


def query_of(words: str) -> str:
    """A tsquery for what a person typed: every word must occur, each may go on.

    Empty when nothing searchable was typed. Words hold letters and digits only: no operator can be smuggled in.
    """
    return " & ".join(f"'{term}':*" for word in _folded(words).split() for term in _terms(word))


def _folded(text: str) -> str:
    if not text.isascii():
        text = _BETWEEN.sub(" ", normal("NFKC", text).casefold())
    return text.encode(errors="replace").translate(_OCTETS).decode()


def _terms(word: str) -> list[str]:
    rest = [piece for piece in _RUN.split(word) if piece]
    return rest + [gram for run in _RUN.findall(word) for gram in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]
