"""Text as it is searched: the same words on both sides, whatever the database's locale. Pure.

Words are folded (NFKC, then case), split at everything that is no letter or digit, and runs of a script that has no
spaces between words become bigrams, so that Chinese mail is found without a database extension.
"""

import re
from itertools import islice, pairwise

from services.common.message.normal_form import normal

TEXT_KEPT = 60_000  # characters of a message's text
_KEPT = 80_000  # of all; the words of a tsvector take 1 MB at most, and a character becomes 12 octets of them at most
_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7fb"  # Hangul letters that are no syllable: ㅋㅋ, ㅠㅠ
    "\ue000-\uf8ff"  # of a font: bullets of Word, names that no other code had
    "\U00020000-\U0003ffff"
    "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"  # emoji stand without spaces, too
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ecf\u0edc-\u0edf"  # Thai and Lao without their digits
    "\u1000-\u103f\u1050-\u109f\uaa60-\uaa7f\u1780-\u17d3\u17dc\u17dd"  # Burmese and Khmer
)
_RUN = re.compile(f"[{_UNSPACED}]+")
# Of each character: with the next one, or alone as the last of its run.
_GRAM = re.compile(f"(?=([{_UNSPACED}]{{1,2}}))")
# Where a line may end: some write it, some do not.
_BREAK = re.compile(f"\u200b(?<=[{_UNSPACED}]\u200b)(?=[{_UNSPACED}])")
# Lines are wrapped inside of such words, too. The line feed stands first, as it is quick to find.
_WRAPPED = re.compile(f"\n(?<=([{_UNSPACED}])\n)([{_UNSPACED}])")
_LONGEST = 200  # longer ones are encoded data
_MOST = 500  # terms of a query; Postgres takes some ten thousand
# What NFKC leaves of signs beyond ASCII: general, Armenian, Hebrew, Arabic, of India, Thai, Tibetan, Burma, Georgia,
# Ethiopia, Cambodia and Mongolia, and what stands for an attachment or for an octet that was none.
_BETWEEN = re.compile(
    "[\x80-\xbf\xd7\xf7\u055a-\u055f\u0589-\u058f\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0606-\u060f\u061b-\u061f\u066a-\u066d"
    "\u06d4\u06dd\u06de\u06e9\u06fd\u06fe\u0700-\u070d\u0964\u0965\u0970\u09f2\u09f3\u09fa\u09fb\u0af0\u0af1\u0bf3-\u0bfa"
    "\u0df4\u0e3f\u0e4f\u0e5a\u0e5b\u0f01-\u0f17\u0f34\u0f36\u0f38\u0f3a-\u0f3d\u0f85\u0fbe-\u0fc5\u0fc7-\u0fda\u104a-\u104f\u10fb"
    "\u1360-\u1368\u17d4-\u17db\u1800-\u180a\u180e\u2000-\u25ff\u27c0-\u2aff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u302a-\u3030"
    "\u3036\u3037\u303c-\u303f\ufd3e\ufd3f\ufff9-\ufffd]+"
)
_ALONE = re.compile("[\u3131-\u318e]")  # Hangul letters that stand for themselves; NFKC makes a syllable of ㅋ and ㅠ
# Inside of words: soft hyphens, joiners, what folding leaves of a Turkish I, long lines of Arabic, how emoji and
# characters of names look.
_UNSEEN = re.compile("[\xad\u0307\u034f\u0640\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]+")
_ASCII = bytes(32 if code < 128 and not chr(code).isalnum() else ord(chr(code).lower()) for code in range(128))
_OCTETS = _ASCII + bytes(range(128, 256))  # of UTF-8: what is not ASCII stays


def search_text(*texts: str | None, body: str | None = None) -> str:
    """The different words of the texts, as Postgres reads a tsvector; such a run gives its bigrams and last character.

    However long the others are, the first ``TEXT_KEPT`` characters of ``body`` are among them.

    The last one is there so that a single character is found wherever it stands. Measured: half the cost of
    storing a message was ``to_tsvector``, and folding each different word once is a third cheaper than folding all.
    """
    kept = (body or "")[:TEXT_KEPT]
    others = " ".join(text for text in texts if text)[: _KEPT - len(kept)]
    wrapped = " ".join([end + start for end, start in _WRAPPED.findall(kept)])
    octets = f"{others} {kept} {wrapped}".encode(errors="replace")
    words = set(octets.translate(_OCTETS).split())
    ascii_words = [word for word in filter(bytes.isascii, words) if len(word) < _LONGEST]
    folded = _folded(b" ".join(words.difference(ascii_words)).decode())
    parts = {part for part in _RUN.sub(" ", folded).split() if len(part) < _LONGEST}
    return " ".join([b" ".join(ascii_words).decode(), *parts.union(_GRAM.findall(folded))])


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
        apart = _ALONE.sub("\u034f\\g<0>", text)
        text = _BETWEEN.sub(" ", _BREAK.sub("", _UNSEEN.sub("", normal("NFKC", apart).casefold())))
    return text.encode(errors="replace").translate(_OCTETS).decode()


def _terms(word: str) -> list[str]:
    rest = [piece for piece in _RUN.split(word) if piece]
    return rest + [gram for run in _RUN.findall(word) for gram in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]
