"""A sample of the named servers through the real commands; all of them: ``make scenarios``."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.poller.command_plays import play_all

SAMPLE = (
    "grows_between_runs", "qresync", "uidvalidity_larger", "folder_names", "gmail", "omitted_for_ever", "unsafe_login",
    "wrong_code", "bad_certificate", "starttls_injection", "slow_and_cut", "literal_too_short_for_ever",
    "bye_mid_literal", "expunged_while_fetched", "delivered_while_fetched", "lower_case", "one_folder_no",
    "odd_names", "capability_lies", "login_limit", "modseq_stands_still", "new_uid_below_the_last", "renamed_later",
    "recreated_with_other_mail", "backup_is_brought_back",
)  # fmt: skip

PARTS = 4  # about fifty commands in all: each part ends within the time of one test, also on a busy machine


@pytest.mark.parametrize("part", range(PARTS))
def test_accounts_sync_status_and_ledger_say_what_each_server_has(part: int, tmp_path: Path) -> None:
    names = SAMPLE[part::PARTS]
    found = asyncio.run(play_all(names, tmp_path))
    assert set(found) == set(names)
    assert {name: faults for name, faults in found.items() if faults} == {}
