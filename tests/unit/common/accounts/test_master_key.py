import base64
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.common.accounts.master_key import FILE_NAME, MasterKeys, key_id, load, parse, write
from services.common.errors import ConfigurationError

ONE, TWO = os.urandom(32), os.urandom(32)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(ONE).decode(),
        base64.urlsafe_b64encode(ONE).decode().rstrip("="),
        ONE.hex(),
        ONE.hex().upper() + "\n",
    ],
    ids=["base64", "base64url", "hexadecimal", "upper case"],
)
def test_reads_a_key_in_its_usual_forms(text: str) -> None:
    assert parse(text, "X") == (ONE,)


@pytest.mark.parametrize(
    "text", ["", "  \n", "short", "é" * 43, "a" * 63, base64.b64encode(b"x" * 31).decode(), "!" * 44]
)
def test_refuses_anything_else_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand") as caught:
        parse(text, "X")
    assert not text.strip() or text not in str(caught.value)


def test_several_keys_wrap_with_the_first_and_open_with_all(tmp_path: Path) -> None:
    keys = load(tmp_path, {"MAILWEIR_MASTER_KEY": f"{ONE.hex()}, {TWO.hex()}"}, may_create=False)
    assert keys.key_id == key_id(ONE)
    assert keys.known_ids == {key_id(ONE), key_id(TWO)}
    assert keys.unwrap(key_id(TWO), MasterKeys((TWO,)).wrap(b"data", b"a"), b"a") == b"data"


def test_reads_the_file_that_the_environment_names(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(ONE.hex())
    assert load(tmp_path, {"MAILWEIR_MASTER_KEY_FILE": str(file)}, may_create=False).keys == (ONE,)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path, {"MAILWEIR_MASTER_KEY_FILE": str(tmp_path / "none")}, may_create=True)


def test_makes_a_private_file_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = load(home, {}, may_create=True)
    assert load(home, {}, may_create=True).keys == first.keys
    assert load(home, {}, may_create=False).keys == first.keys
    assert stat.S_IMODE((home / FILE_NAME).stat().st_mode) == 0o600
    assert [entry.name for entry in home.iterdir()] == [FILE_NAME]


def test_makes_one_key_where_several_begin_at_once(tmp_path: Path) -> None:
    for round_ in range(30):
        together = threading.Barrier(4)

        def begin(home: Path, together: threading.Barrier = together) -> tuple[bytes, ...]:
            together.wait(10)
            return load(home, {}, may_create=True).keys

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(begin, [tmp_path / str(round_)] * 4))
        assert len(found) == 1
        assert [entry.name for entry in (tmp_path / str(round_)).iterdir()] == [FILE_NAME]


def test_never_replaces_a_lost_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="backup"):
        load(tmp_path, {}, may_create=False)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_file_that_others_may_read(tmp_path: Path) -> None:
    write(tmp_path / FILE_NAME, [ONE])
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load(tmp_path, {}, may_create=False)


def test_a_rewritten_file_is_private_and_complete(tmp_path: Path) -> None:
    write(tmp_path / FILE_NAME, [ONE])
    write(tmp_path / FILE_NAME, [TWO, ONE])
    assert load(tmp_path, {}, may_create=False).keys == (TWO, ONE)
