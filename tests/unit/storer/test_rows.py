"""Rows that events become."""

from services.storer.rows import attachment_rows
from tests.corpus_mail import messages
from tests.fakes.mail_events import parsed


async def test_every_file_that_is_published_has_a_row_and_no_row_is_without_its_file() -> None:
    shown = 0
    for raw in messages(400):
        mail, files = await parsed(raw)
        rows = [(part, sha256) for _, _, part, sha256, *_ in attachment_rows(mail)]
        assert rows == [(file.partid, file.partsha256) for file in files]
        shown += len(rows) - len(mail.email.attachments)
    assert shown > 0
