"""Text as it is searched: the same words on both sides, whatever the database's locale. Pure.

Words are folded (NFKC, then case), split at everything that is no letter or digit, and runs of CJK characters become
bigrams, so that Chinese mail is found without a database extension.
"""

import re
import unicodedata
from itertools import pairwise

TEXT_KEPT = 60_000  # a tsvector holds 1 MB at most, and a CJK character takes 10 to 12 octets of it
_CJK = (
    "\u2e80-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u065f\u0670\u0900-\u0dff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
_RUN = re.compile(f"[{_CJK}]+")
_LONG = re.compile(r"\S{200,}")
_BETWEEN = re.compile(f"[^\\w{_MARKS}]+|_+")
_ASCII = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)).ljust(256, b" ")


def search_text(*texts: str | None) -> str:
    """Words of the texts, each run of CJK characters replaced by its bigrams and its last character.

    The last one is there so that a single character is found wherever it stands.
    """
    folded = _folded(" ".join(text for text in texts if text)[:TEXT_KEPT])
    if not folded.isascii():
        folded = _RUN.sub(lambda run: f" {' '.join(_bigrams(run.group()))} {run.group()[-1]} ", folded[:TEXT_KEPT])
    return _LONG.sub(" ", folded)


def query_of(words: str) -> str:
    """A tsquery (simple configuration) for what a person typed: every word must occur, each may go on.

    Empty when nothing searchable was typed. Words hold letters and digits only: no operator can be smuggled in.
    """
    return " & ".join(f"'{term}':*" for word in _folded(words).split() for term in _terms(word))


def _folded(text: str) -> str:
    if text.isascii():
        return text.encode().translate(_ASCII).decode()
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def _terms(word: str) -> list[str]:
    rest = [piece for piece in _RUN.split(word) if piece]
    return rest + [gram for run in _RUN.findall(word) for gram in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]
