"""Messages whose places hold other bytes by now: a server made them anew, or gives a message in another form each time.

They have no place, as those do that lost its row; but sent again they would take the place from what is there now.
``wanted`` is a temporary table of the bench of a repair.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from services.cli.mending.rebuilding import place_of
from services.common.objects import ObjectStore
from services.common.place import Place

PLACELESS = """SELECT w.account_id, w.sha256, w.copies FROM wanted w
JOIN emails e ON (e.account_id, e.content_sha256) = (w.account_id, w.sha256)
WHERE NOT EXISTS (SELECT FROM email_places p WHERE p.email_id = e.id)
AND EXISTS (SELECT FROM email_places p WHERE p.account_id = e.account_id)"""
_IS_TAKEN = text(
    "SELECT EXISTS (SELECT FROM email_places p WHERE (p.account_id, p.folder_id, p.uidvalidity, p.uid) = "
    "(:account, :folderid, :uidvalidity, :uid) AND p.content_sha256 <> :sha256 AND p.email_id IS NOT NULL)"
)
_LEAVE = text("DELETE FROM wanted WHERE (account_id, sha256) = (:account, :sha256)")


def said(store: ObjectStore, row: Any) -> list[Place]:
    """The places that the raw objects of a message name."""
    found = filter(None, map(store.stat, row.copies))
    return [place for each in found if (place := place_of(each.metadata.get("place", ""), ""))]


def leave(bench: Connection, rows: Iterable[tuple[Any, Sequence[Place]]]) -> None:
    """Take those out of ``wanted`` of which every place that their objects say is another message's."""
    for row, places in rows:
        values = {"account": row.account_id, "sha256": row.sha256}
        if places and all(_is_taken(bench, place, values) for place in places):
            bench.execute(_LEAVE, values)


def _is_taken(bench: Connection, place: Place, values: dict[str, str]) -> bool:
    where = {"folderid": place.folderid, "uidvalidity": place.uidvalidity, "uid": place.uid}
    return bool(bench.execute(_IS_TAKEN, values | where).scalar_one())
