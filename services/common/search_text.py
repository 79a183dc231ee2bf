"""Text for the search column: CJK runs as bigrams, so that Chinese mail is found without a database extension. Pure."""

import re
from itertools import pairwise

TEXT_KEPT = 60_000  # a tsvector holds 1 MB at most, and a CJK character takes 10 to 12 octets of it
_CJK = (
    "\u2e80-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_CJK}]+")
_LONG = re.compile(r"\S{200,}")


def search_text(*texts: str | None) -> str:
    """Texts joined, each run of CJK characters replaced by its bigrams and its last character.

    The last one is there so that a single character is found wherever it stands.
    """
    joined = " ".join(text for text in texts if text)[:TEXT_KEPT]
    if joined.isascii():
        return _LONG.sub(" ", joined)
    return _LONG.sub(" ", _RUN.sub(lambda run: f" {' '.join(_bigrams(run.group()))} {run.group()[-1]} ", joined))


def query_of(words: str) -> str:
    """A tsquery (simple configuration) for what a person typed: every word must occur, each may go on.

    Empty when nothing searchable was typed. Words are quoted, so no operator of tsquery can be smuggled in.
    """
    terms = [term for word in words.split() for term in _terms(word)]
    return " & ".join(terms)


def _terms(word: str) -> list[str]:
    if _RUN.search(word) is None:
        return [_quoted(word)] if any(character.isalnum() for character in word) else []
    rest = [_quoted(piece) for piece in _RUN.split(word) if any(character.isalnum() for character in piece)]
    return rest + [_quoted(gram) for run in _RUN.findall(word) for gram in _bigrams(run)]


def _quoted(word: str) -> str:
    bare = word.replace("'", "''").replace("\\", "\\\\").replace("\x00", "")
    return f"'{bare}':*"


def _bigrams(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]
