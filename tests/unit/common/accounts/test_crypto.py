import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.accounts.crypto import Sealed, Undecryptable, data_key_of, decrypt, new_data_key, seal, unseal
from services.common.accounts.master_key import MasterKeys
from services.common.errors import ConfigurationError

KEY, OTHER = os.urandom(32), os.urandom(32)
MASTER = MasterKeys((KEY,))


@given(st.text())
def test_what_is_sealed_comes_back(text: str) -> None:
    sealed = seal(KEY, "k1", "work", "password", text)
    assert unseal(KEY, sealed, "work", "password") == text


def test_the_same_text_never_looks_the_same_twice() -> None:
    assert seal(KEY, "k1", "work", "password", "x").ciphertext != seal(KEY, "k1", "work", "password", "x").ciphertext


@pytest.mark.parametrize(("account", "field"), [("other", "password"), ("work", "refresh_token"), ("workp", "assword")])
def test_a_ciphertext_moved_to_another_row_does_not_open(account: str, field: str) -> None:
    with pytest.raises(Undecryptable):
        unseal(KEY, seal(KEY, "k1", "work", "password", "x"), account, field)


def test_another_key_id_or_key_or_version_does_not_open() -> None:
    sealed = seal(KEY, "k1", "work", "password", "x")
    for key, item in (
        (KEY, Sealed("k2", sealed.ciphertext)),
        (OTHER, sealed),
        (KEY, Sealed("k1", sealed.ciphertext, 2)),
    ):
        with pytest.raises(Undecryptable):
            unseal(key, item, "work", "password")


@given(st.binary(max_size=64))
def test_any_octets_are_refused_and_never_crash(octets: bytes) -> None:
    with pytest.raises(Undecryptable):
        decrypt(KEY, octets, b"")


@given(st.integers(min_value=0))
def test_one_flipped_bit_is_noticed(place: int) -> None:
    sealed = seal(KEY, "k1", "work", "password", "some secret")
    octets = bytearray(sealed.ciphertext)
    octets[place % len(octets)] ^= 1
    with pytest.raises(Undecryptable):
        unseal(KEY, Sealed("k1", bytes(octets)), "work", "password")


def test_a_data_key_is_bound_to_its_account() -> None:
    key = new_data_key(MASTER, "work")
    assert len(data_key_of(MASTER, "work", key)) == 32
    with pytest.raises(Undecryptable):
        data_key_of(MASTER, "other", key)


def test_an_unknown_master_key_is_named_and_no_key_is_shown() -> None:
    key = new_data_key(MASTER, "work")
    with pytest.raises(ConfigurationError, match=MASTER.key_id) as caught:
        data_key_of(MasterKeys((OTHER,)), "work", key)
    assert KEY.hex() not in str(caught.value)
    assert KEY.hex() not in repr(MASTER)
