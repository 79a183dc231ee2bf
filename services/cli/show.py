"""``mailweir show``: one message."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from services.front.context import Context


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--raw", "form", flag_value="raw", help="The exact bytes; on a terminal without what could move its cursor."
)
@click.option("--text", "form", flag_value="text", help="The text only.")
@click.option("--json", "form", flag_value="json", help="The mail.parsed object.")
def show(name: str, form: str | None) -> None:
    """Show one message by its ID: the number that `mailweir search` shows, or the start of its content hash."""
    from services.common import lookup
    from services.front.context import open_context

    with open_context() as context:
        row = lookup.one(context.engine, name)
        if form == "raw":
            from services.cli.stored import raw_of
            from services.cli.terminal import write_octets

            write_octets(raw_of(context, row))
        elif form == "json":
            from services.cli.stored import email_of
            from services.front import plain

            click.echo(plain.json(email_of(context, row)))
        else:
            _show(context, row, only_text=form == "text")


def _show(context: "Context", row: Any, *, only_text: bool) -> None:
    from services.front.plain import plain

    if not only_text:
        for line in _head(context, row):
            click.echo(line)
        click.echo()
    click.echo(plain(row.body_text).rstrip("\n") if row.body_text else "(no text)")


def _head(context: "Context", row: Any) -> list[str]:
    from services.common import lookup
    from services.front.plain import line, named

    sender = f"{row.from_name} <{row.from_email}>" if row.from_name else row.from_email
    lines = [
        f"Subject:   {line(row.subject)}",
        f"From:      {line(sender)}",
        f"To:        {line(', '.join(row.recipients))}",
        f"Sent:      {row.sent_at or ''}",
    ]
    for place in lookup.places_of(context.engine, row.account, row.content_sha256):
        gone = "" if place.visible else " (no longer on the server)"
        flags = " ".join(place.flags)
        lines.append(f"Place:     {place.account_id} / {named(place.folder)} / UID {place.uid} {line(flags)}{gone}")
    for file in lookup.files(context.engine, row.id):
        where = named(file.key) or "not in the object store yet"
        lines.append(
            f"File:      {named(file.name or file.safe_name)}, {line(file.content_type)}, {file.size} octets: {where}"
        )
    if row.defects:
        lines.append(f"Defects:   {line(', '.join(row.defects))}")
    return [*lines, f"Id:        {row.id}, content {row.content_sha256}, thread {row.thread_id}"]
