"""Properties in ``emails.facts`` are called as in ``mail.parsed``; they had names of our own code (``sent_at_raw``)."""

from collections.abc import Mapping

from alembic import op

revision = "0012_facts"
down_revision = "0011_settled"
branch_labels = None
depends_on = None

NAMES = {
    "parser_version": "parserVersion",
    "derived_text": "derivedText",
    "received_date": "receivedDate",
    "sent_at_raw": "sentAtRaw",
    "delivery_reports": "deliveryReports",
    "feedback_reports": "feedbackReports",
    "authentication_results": "authenticationResults",
}


def upgrade() -> None:
    """Rows that are there get the names of the contract; nothing else of them changes."""
    _rename(NAMES)


def downgrade() -> None:
    """The earlier names again."""
    _rename({new: old for old, new in NAMES.items()})


def _rename(names: Mapping[str, str]) -> None:
    olds = ", ".join(f"'{old}'" for old in names)
    news = ", ".join(f"'{new}', facts -> '{old}'" for old, new in names.items())
    known = next(iter(names))
    op.execute(
        f"UPDATE emails SET facts = facts - ARRAY[{olds}] || jsonb_build_object({news}) WHERE facts ? '{known}'"  # noqa: S608
    )
