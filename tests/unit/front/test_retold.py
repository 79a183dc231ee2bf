import pytest

from services.common.accounts.providers import Profile, profiles
from services.front.retold import advised, said


@pytest.mark.parametrize("known", profiles().values(), ids=lambda known: known.id)
def test_each_advice_that_the_poller_notes_is_found_again_in_chinese(known: Profile) -> None:
    for about in known.advice:
        noted = known.advise(about, account="work")
        assert advised(noted, "work", "zh") == known.advise(about, "zh", "work")
        assert advised(noted, "work", "en") == noted


def test_what_is_no_advice_of_a_profile_stays() -> None:
    assert advised("", "work", "zh") == ""
    assert advised("what nobody has foreseen", "work", "zh") == "what nobody has foreseen"
    assert said("no folder can be opened", "en") == "no folder can be opened"
    assert said("no folder can be opened", "zh") == "没有可打开的文件夹"
