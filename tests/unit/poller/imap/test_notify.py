"""What is told of folders that are not open: which of it somebody should look at."""

import pytest

from services.poller.imap.events import EventLog
from services.poller.imap.model import FolderStatus
from services.poller.imap.notify import Known, News

READ = Known(uidvalidity=5, uidnext=8, messages=3)
MORE = FolderStatus(uidnext=9)


@pytest.mark.parametrize(
    ("told", "known", "outdated"),
    [
        (FolderStatus(messages=3, uidnext=8), READ, False),
        (FolderStatus(messages=3, uidnext=9), READ, True),  # as much mail went as came
        (FolderStatus(messages=9, uidnext=8), READ, False),
        (FolderStatus(messages=2, uidnext=7), READ, False),  # told late, or by another machine
        (FolderStatus(uidvalidity=6, uidnext=1), READ, True),
        (FolderStatus(uidvalidity=5, uidnext=8), READ, False),
        (FolderStatus(unseen=4), READ, False),
        (FolderStatus(messages=4), READ, True),
        (FolderStatus(messages=3), READ, False),
        (FolderStatus(messages=1), Known(), True),
        (FolderStatus(messages=0), Known(), False),
        (FolderStatus(uidnext=1), Known(), True),
    ],
)
def test_only_mail_that_was_not_read_is_news(told, known, outdated):
    assert known.outdated(told) is outdated


def test_what_is_read_by_now_is_forgotten():
    news = News({"Lists": READ})
    news.hear(b"Lists", MORE)
    news.hear(b"Lists", FolderStatus(unseen=1))  # takes nothing back
    assert news.waits
    news.heed({"Lists": Known(5, 9, 4)})
    assert not news.waits
    news.heed({"Lists": READ})
    assert news.take() == frozenset()


def test_each_folder_is_named_once():
    news = News({"INBOX": READ, "Lists": READ})
    for name in (b"Lists", b"inbox", b"Lists", b"Other"):
        news.hear(name, MORE)
    assert news.take() == {"INBOX", "Lists"}
    assert not news.waits


def test_a_name_that_is_not_listed_counts_once_until_it_was_listed():
    news = News(listed={"INBOX", "Private"})
    news.hear(b"Private", MORE)
    assert not news.waits
    news.hear(b"New", MORE)
    assert news.unlisted
    news.unlisted = False
    news.hear(b"New", MORE)
    assert not news.unlisted
    news.list({"INBOX", "New"})
    news.list({"INBOX"})
    news.hear(b"New", MORE)
    assert news.unlisted


def test_names_without_end_are_not_kept_without_end():
    news = News(listed={"INBOX"})
    for number in range(3000):
        news.hear(b"n%d" % number, MORE)
    assert len(news.strangers) <= 1000


def test_nothing_is_strange_before_there_was_a_list():
    news = News()
    news.hear(b"New", MORE)
    assert not news.waits


@pytest.mark.parametrize(
    "parts", [[b"* STATUS"], [b"* STATUS Lists"], [b"* STATUS (UIDNEXT 9)"], [b"* STATUS {3}", None, b" (UIDNEXT 9)"]]
)
def test_what_cannot_be_read_is_counted_and_left(parts):
    log = EventLog()
    log.counted(parts)
    assert log.take().ignored == 0  # nobody asked for news
    log.news = News({"Lists": READ})
    log.counted(parts)
    assert not log.changed
    assert log.take().ignored == 1


def test_news_stay_when_other_events_are_taken_and_another_folder_is_opened():
    log = EventLog()
    log.news = News({"Lists": READ})
    log.counted([b"* STATUS Lists (MESSAGES 4 UIDNEXT 9)"])
    assert log.changed
    assert not log.take().mailbox_changed
    log.forget_mailbox()
    assert log.news.take() == {"Lists"}
