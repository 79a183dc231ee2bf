"""What the poller noted in English, told in the language of who reads it; what a server said stays as it is."""

from collections.abc import Iterator

from services.common.accounts.providers import Profile, profiles
from services.front.doctor_reasons import in_chinese
from services.front.plain import line


def said(reason: str, lang: str) -> str:
    """A reason in that language."""
    return in_chinese(reason) if lang == "zh" else reason


def advised(told: str, account: str, lang: str) -> str:
    """Advice of a provider's profile in that language; another text as it is."""
    if lang == "en" or not told:
        return told
    texts = (known.advise(about, lang, account) for known, about in noted(told, account))
    return next(texts, told)


def told(detail: str | None, advice: str | None, account: str, lang: str) -> list[str]:
    """What happened and what to do about it, as far as there is anything: in that language, each on one line."""
    texts = (said(detail or "", lang), advised(advice or "", account, lang))
    return [line(text) for text in texts if text]


def noted(told: str, account: str) -> Iterator[tuple[Profile, str]]:
    """Which advice of which profiles the words are; profiles that share words share translations, too."""
    words = told.split()
    for known in profiles().values():
        for about in known.advice:
            if known.advise(about, account=account).split() == words:
                yield known, about
