"""Who may connect to a server that takes few connections, and in which order."""

import asyncio

from services.common.accounts.fields import Account
from services.common.accounts.settings import settings_of
from services.poller.turns import DAY, GRACE, Turns

POLL = 60.0


def account(slug: str, host: str = "mail.example.org") -> Account:
    return Account(slug=slug, host=host, user="user@example.org", settings=settings_of({"poll_interval": POLL}))


A, B, C = (account(slug) for slug in "abc")


async def entered(turns: Turns, *accounts: Account) -> None:
    async with asyncio.timeout(1):
        for each in accounts:
            await turns.enter(each, 0.0)


async def queued(turns: Turns, *accounts: Account) -> list["asyncio.Task[None]"]:
    tasks = [asyncio.create_task(turns.enter(each, 0.0)) for each in accounts]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def only_one(turns: Turns) -> None:
    """``A`` is connected, and ``B`` was refused."""
    await entered(turns, A, B)
    turns.leave(B, 0.0)
    assert turns.refused(B, 0.0)


async def test_nobody_waits_where_nobody_was_refused():
    turns = Turns()
    await entered(turns, A, B, C, A)
    assert not turns.over(A, 1e6)


async def test_who_was_refused_waits_until_another_leaves_in_order():
    turns = Turns()
    await only_one(turns)
    tasks = await queued(turns, B, C, account("d", host="other.example.org"))
    assert [task.done() for task in tasks] == [False, False, True]
    turns.leave(A, 0.0)
    (again,) = await queued(turns, A)
    assert [task.done() for task in (*tasks[:2], again)] == [True, False, False]
    turns.leave(B, 0.0)
    await queued(turns)
    assert [task.done() for task in (tasks[1], again)] == [True, False]
    turns.leave(C, 0.0)
    await again


async def test_who_has_a_connection_does_not_wait_for_its_own_turn_to_end():
    turns = Turns()
    await only_one(turns)
    await entered(turns, A)


async def test_who_gave_up_in_the_moment_of_its_turn_is_passed_over():
    turns = Turns()
    await only_one(turns)
    tasks = await queued(turns, B, C)
    tasks[0].cancel()
    turns.leave(A, 0.0)
    await queued(turns)
    assert (tasks[0].cancelled(), tasks[1].done()) == (True, True)
    assert tasks[1].exception() is None


async def test_a_turn_lasts_from_one_poll_to_the_next_and_only_while_somebody_waits():
    turns = Turns()
    await only_one(turns)
    assert not turns.over(A, 2 * POLL)
    (task,) = await queued(turns, B)
    assert (turns.over(A, POLL - 1), turns.over(A, POLL)) == (False, True)
    turns.leave(A, POLL)
    await task
    assert not turns.over(B, 3 * POLL)
    (again,) = await queued(turns, A)
    assert (turns.over(B, 2 * POLL - 1), turns.over(B, 2 * POLL)) == (False, True)
    turns.leave(B, 2 * POLL)
    await again


async def test_who_is_refused_alone_is_not_kept_out_by_others_for_a_day():
    turns = Turns()
    assert not turns.refused(A, 0.0)
    await entered(turns, B)
    assert not turns.refused(A, DAY - 1)
    assert turns.refused(A, DAY)


async def test_one_that_no_place_helps_keeps_nobody_out_for_long():
    turns = Turns()
    await entered(turns, B, C)
    assert turns.refused(A, 0.0)
    for each, refused in ((B, True), (C, False)):
        (task,) = await queued(turns, A)
        turns.leave(each, 0.0)
        await task
        turns.leave(A, 0.0)
        assert turns.refused(A, 0.0) == refused
    await entered(turns, B, C)


async def test_a_server_may_take_a_while_to_notice_that_there_is_room():
    turns = Turns()
    await only_one(turns)
    (task,) = await queued(turns, B)
    turns.leave(A, 0.0, served=True)
    await task
    turns.leave(B, 0.0)
    assert turns.refused(B, GRACE - 1)
    await entered(turns, B)
    turns.leave(B, GRACE)
    assert not turns.refused(B, GRACE)


async def test_who_is_refused_while_others_are_in_waits_though_one_has_just_left():
    turns = Turns()
    await entered(turns, A, B)
    turns.leave(A, 0.0, served=True)
    assert turns.refused(C, 1.0)
    (task,) = await queued(turns, C)
    assert not task.done()
    turns.leave(B, 1.0)
    await task


async def test_what_was_noticed_is_forgotten_after_a_day():
    turns = Turns()
    await only_one(turns)
    (task,) = await queued(turns, B)
    assert not task.done()
    async with asyncio.timeout(1):
        await turns.enter(C, DAY + 1)
        await task


async def test_what_was_noticed_late_is_remembered_for_a_day_as_well():
    turns, late = Turns(), 5 * DAY
    await entered(turns, A)
    assert turns.refused(B, late)
    task = asyncio.create_task(turns.enter(C, late + DAY))
    await queued(turns)
    assert not task.done()
    turns.leave(A, late + DAY)
    await task


async def test_a_wait_that_is_given_up_takes_no_place():
    turns = Turns()
    await only_one(turns)
    waiting, behind = await queued(turns, B, C)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    turns.leave(A, 0.0)
    await behind


async def test_who_waits_no_more_ends_nobodys_turn():
    turns = Turns()
    await only_one(turns)
    (waiting,) = await queued(turns, B)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not turns.over(A, 2 * POLL)


async def test_a_turn_that_comes_while_the_wait_is_given_up_goes_to_the_next():
    turns = Turns()
    await only_one(turns)
    waiting, behind = await queued(turns, B, C)
    turns.leave(A, 0.0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1):
        await behind
