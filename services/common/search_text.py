"""Text as it is searched: the same words on both sides, whatever the database's locale. Pure.

Words are folded (NFKC, then case), split at everything that is no letter or digit, and runs of CJK characters become
bigrams, so that Chinese mail is found without a database extension.
"""

import re
from itertools import islice, pairwise

from services.common.normal_form import normal

TEXT_KEPT = 60_000  # a tsvector holds 1 MB at most, and a CJK character takes 10 to 12 octets of it
_CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
    "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"  # emoji stand without spaces, too
)
_RUN = re.compile(f"[{_CJK}]+")
_GRAM = re.compile(f"(?=([{_CJK}]{{1,2}}))")  # of each character: with the next one, or alone as the last of its run
_LONGEST = 200  # longer ones are encoded data
_MOST = 500  # terms of a query; Postgres takes some ten thousand
# What NFKC leaves of signs beyond ASCII: general, Hebrew, Arabic, of India, Burma, Ethiopia, Cambodia and Mongolia.
_BETWEEN = re.compile(
    "[\x80-\xbf\xd7\xf7\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u060c\u060d\u061b-\u061f\u066a-\u066d\u06d4\u0964\u0965"
    "\u104a-\u104f\u1360-\u1368\u17d4-\u17da\u1800-\u180a\u180e\u2000-\u25ff\u27c0-\u2aff\u2e00-\u2e7f"
    "\u3000-\u3004\u3008-\u3020\u302a-\u3030\u3036\u3037\u303c-\u303f]+"
)
# Inside of words: soft hyphens, joiners, what folding leaves of a Turkish I, long lines of Arabic, how emoji and
# characters of names look.
_UNSEEN = re.compile("[\xad\u0307\u034f\u0640\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+")
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

    Empty when nothing searchable was typed, or a word that is longer than any that is kept; of a whole text, its first
    words count. Words hold letters and digits only: no operator can be smuggled in.
    """
    terms = dict.fromkeys(term for word in _folded(words).split() for term in _terms(word))
    if any(len(term) >= _LONGEST for term in terms):
        return ""
    return " & ".join(f"'{term}':*" for term in islice(terms, _MOST))


def _folded(text: str) -> str:
    if not text.isascii():
        text = _BETWEEN.sub(" ", _UNSEEN.sub("", normal("NFKC", text).casefold()))
    return text.encode(errors="replace").translate(_OCTETS).decode()


def _terms(word: str) -> list[str]:
    rest = [piece for piece in _RUN.split(word) if piece]
    return rest + [gram for run in _RUN.findall(word) for gram in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]
