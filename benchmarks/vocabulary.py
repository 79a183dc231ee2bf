"""Words as they are spread over real mail: 200,000 of several languages, a few common ones and very many rare ones.

Mail of a dozen words shows nothing of what the search index costs: each different word of a message is an entry of its
own, and rare words lie all over the index. By Zipf's law the n-th common word is about 1/n as frequent as the first.
"""

import random
from functools import cache
from itertools import accumulate

SIZE = 200_000
_SHIFT = 2.7  # of Zipf and Mandelbrot: the first few words are not that far apart
_SYLLABLES = {
    "en": ("b c d f g h j k l m n p r s t v w st tr pl ch sh br", "a e i o u ea ou ai io"),
    "de": ("b d f g h k l m n r s sch t w z st pf", "a e i o u ä ö ü ei au ie"),
    "ru": ("б в г д ж з к л м н п р с т ф х ц ч ш", "а е и о у ы э ю я"),
    "ar": ("ب ت ث ج ح خ د ر ز س ش ع ف ق ك ل م ن ه", "ا و ي"),
}
_SHARES = {"en": 0.45, "de": 0.15, "ru": 0.15, "ar": 0.05, "zh": 0.2}
_CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 4_000)]


@cache
def _words() -> tuple[list[str], list[float]]:
    """All words, the commonest first, and how frequent each is with those before it."""
    chance, words = random.Random(3), dict[str, None]()
    languages, shares = list(_SHARES), list(accumulate(_SHARES.values()))
    common = list(accumulate(1 / (rank + 3) for rank in range(len(_CHARACTERS))))
    while len(words) < SIZE:
        (language,) = chance.choices(languages, cum_weights=shares)
        words[_word(language, chance, common)] = None
    return list(words), list(accumulate(1 / (rank + _SHIFT) for rank in range(SIZE)))


def _word(language: str, chance: random.Random, common: list[float]) -> str:
    if language == "zh":
        return "".join(chance.choices(_CHARACTERS, cum_weights=common, k=chance.choice((2, 2, 2, 3, 4))))
    onsets, vowels = (letters.split() for letters in _SYLLABLES[language])
    return "".join(chance.choice(onsets) + chance.choice(vowels) for _ in range(chance.choice((1, 2, 2, 3, 3, 4))))


def text(chance: random.Random, count: int) -> str:
    """So many words with spaces between them."""
    words, frequencies = _words()
    return " ".join(chance.choices(words, cum_weights=frequencies, k=count))
