"""What was typed for a new account, before anything is looked up."""

import asyncio
from pathlib import Path

import pytest

from services.common.accounts.providers import candidates, profile
from services.common.errors import ConfigurationError
from services.front import account_input
from services.front.account_input import Typed, new_account
from tests.fakes.imap_tls import server_context, write_ca


def test_an_address_typed_in_full_width_is_the_usual_one() -> None:
    account, _ = new_account("ｍｅ＠ＱＱ．ｃｏｍ", Typed())
    assert (account.user, account.host, account.provider, account.slug) == (
        "me@QQ.com",
        "imap.qq.com",
        "qq",
        "me-qq.com",
    )


@pytest.mark.parametrize("address", ["me@例..子", "me@\udcff.org", "me@" + "é" * 80 + ".org", "\udcff@qq.com"])
def test_an_address_that_has_no_host_is_told_in_one_line(address: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^(user: .*|.* is not a mail address; it looks like me@example.org)$"
    ):
        new_account(address, Typed())


def test_a_known_provider_that_does_not_answer_is_added_and_each_of_its_names_is_tried_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(host: str, port: int, ca_file: str | None) -> bool:
        return False

    monkeypatch.setattr(account_input, "_is_safe", silent)
    account, remark = new_account("me@gd.chinamobile.com", Typed())
    assert account.host == "imap.gd.chinamobile.com"
    assert set(candidates(profile(account.provider), account.host, account.user)) <= set(
        remark.replace(",", "").split()
    )
    assert remark.endswith("each connection tries them all")


@pytest.mark.parametrize(("kind", "taken"), [("good", True), ("subject-name", False), ("expired", False)])
async def test_a_host_is_taken_only_where_later_connections_take_it(tmp_path: Path, kind: str, taken: bool) -> None:
    context = server_context(kind, None, tmp_path)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        assert await account_input._is_safe("localhost", port, str(write_ca(tmp_path))) is taken
