import copy
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest

from services.common.secret import Secret

CANARY = "c4n4ry-secret"


def test_shows_only_a_mask_in_every_text_form() -> None:
    secret = Secret(CANARY)
    for text in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>8}",
        str([secret]),
        str({"a": secret}),
    ):
        assert CANARY not in text
        assert "***" in text


def test_reveals_its_text_only_when_asked() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_is_neither_changed_nor_pickled_nor_hashed() -> None:
    secret = Secret(CANARY)
    with pytest.raises(AttributeError):
        secret._text = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)


def test_compares_by_content_and_knows_emptiness() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("密码") == Secret("密码")
    assert not Secret("")


def test_stays_masked_in_copies_dataclasses_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    @dataclass(frozen=True)
    class Login:
        user: str
        secret: Secret

    login = Login("u", Secret(CANARY))
    assert CANARY not in str(asdict(login)) + repr(login) + str(copy.deepcopy(login))
    logging.getLogger("x").warning("login %s %r", login, login.secret)
    assert CANARY not in caplog.text
