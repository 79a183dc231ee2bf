"""``mailweir repair``: make rows, objects and mailbox fit together again."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from services.cli import offered

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from services.cli.mending.damage import Damage
    from services.common.events import MessageFetched
    from services.front.context import Context

_FURTHER = {
    "untold": "folders whose last report is lost; the next look at them reports again",
    "unlisted": "folders whose list of messages is lost; the next look at them fetches all again",
    "silent": "accounts whose last report is lost; the next look at them reports again",
    "unthreaded": "ids of messages whose threads are forgotten",
    "outdated": "places with other flags than were told, or visible though gone or unlisted; the next look tells again",
    "strays": "folders whose mail is shown, and of which the poller knows nothing, or not with that UIDVALIDITY",
    "undescribed": "raw messages whose objects do not say where they belong, as their rows do",
    "refused": "messages in dead letters, as their raw messages were gone when they were read",
}


@click.command()
@click.argument("name", required=False, shell_complete=offered.accounts)
@click.option("--check", is_flag=True, help="Only say what does not fit; exit code 3 when something does not.")
@click.option("--verify", is_flag=True, help="Read every object, too, and compare its bytes with its hash.")
@click.option("--offline", is_flag=True, help="Do not ask the mail servers.")
@click.option("--json", "as_json", is_flag=True, help="With --check: one JSON object.")
def repair(name: str | None, *, check: bool, verify: bool, offline: bool, as_json: bool) -> None:
    """Mend an account, or all: rows from objects, attachments from raw messages, raw messages from the server.

    Rows that are lost come back from the object store alone (their places from the metadata of the objects, more of
    them with the next look at the server). An object that is gone or cut short is made again from its raw message, or
    fetched again.
    """
    from services.cli.choice import account_of, has_objects
    from services.cli.mending import workbench
    from services.common.errors import ConfigurationError
    from services.front.context import open_context

    if as_json and not check:
        raise ConfigurationError("--json tells what does not fit; say --check with it")
    with open_context() as context:
        _restore(context, check=check, as_json=as_json)
        name = account_of(context, name, partial(has_objects, context)) if name else None
        with workbench.bench(context.engine) as bench:
            damage, late = _arrived(context, bench, name, workbench.compare(bench, context.store, name, verify=verify))
            _tell(damage, late, as_json=as_json)
            if check:
                raise SystemExit(3 if damage.any or damage.erased else 0)
            _mend(context, bench, name, damage)
            code = _offline(bench) if offline else _fetch(context, bench, name, damage, late)
            code = max(code, 3 if damage.erased else 0)
    raise SystemExit(code)


def _restore(context: "Context", *, check: bool, as_json: bool) -> None:
    """Make dropped tables anew. With ``check`` only say so, and end: the rest cannot be looked at without them."""
    from services.cli.mending.damage import Damage
    from services.cli.mending.whole_schema import RENEWED, whole_schema
    from services.common.postgres import restoring
    from services.storer.tables import DERIVED, REPORTED

    schema = whole_schema()
    lost = restoring.missing(context.engine, schema)
    if not lost:
        return
    click.echo(f"tables that are gone, or lack columns: {', '.join(lost)}", err=True)
    if check:
        if as_json:
            _print_json(dict.fromkeys(Damage.__struct_fields__), "", lost)
        raise SystemExit(3)
    derived = (DERIVED if DERIVED & set(lost) else set()) | (REPORTED & set(lost))
    restoring.restore(context.database_url, schema, derived, RENEWED)
    click.echo("they were made anew; rows of mail come back from the object store")


def _arrived(context: "Context", bench: "Connection", name: str | None, damage: "Damage") -> "tuple[Damage, str]":
    """What is left when what was on its way has arrived; and why some of it may not have."""
    from services.cli.mending.under_way import arrived
    from services.cli.mending.workbench import look_again

    names = [name] if name else [account.slug for account in context.accounts.list()]
    return arrived(context, names, damage, lambda found: look_again(bench, context.store, name, found))


def _tell(damage: "Damage", late: str, *, as_json: bool) -> None:
    from msgspec.structs import asdict

    if as_json:
        _print_json(asdict(damage), late, [])
        return
    if damage.any and late:
        click.echo(f"some of this may only be on its way: {late}", err=True)
    click.echo(
        f"{damage.unstored} raw messages without complete rows, {damage.raw_gone} raw messages gone, "
        f"{damage.files_gone} attachments gone"
        + (f"; {damage.damaged} of these are there, but damaged" if damage.damaged else "")
        + (f"; {damage.unfiled} of these were gone before, or are still on their way" if damage.unfiled else "")
    )
    for field, what in _FURTHER.items():
        if count := getattr(damage, field):
            click.echo(f"{count} {what}")
    if damage.lost:
        click.echo(f"{damage.lost} raw messages that are gone are not on the server any more, either", err=True)
    for name in damage.erased:
        click.echo(
            f"mail of {name}, which was erased, is here again: mailweir accounts remove {name} --erase", err=True
        )


def _print_json(found: Mapping[str, object], late: str, tables: Sequence[str]) -> None:
    """One object. Where tables are gone the rest is not known."""
    from services.front import plain

    click.echo(plain.json({**found, "late": late or None, "tables": tables}))


def _mend(context: "Context", bench: "Connection", name: str | None, damage: "Damage") -> None:
    """Send what can be sent, and note what it was; and what could not be."""
    from services.cli.mending import known_states, lost_rows, strays, undescribed, unmade, workbench
    from services.cli.mending.rebuilding import publish_all
    from services.cli.progress import bar

    if damage.unstored:
        known_states.keep(bench, name)
    lost_rows.outdate(bench)
    lost_rows.thread(bench, name)
    workbench.forget(bench, context.engine, context.store)
    with bar("mending", damage.wanted) as advance:
        events = _events(context, bench, advance)
        published = asyncio.run(publish_all(context, events, partial(workbench.note, bench), name))
    click.echo(f"{published} messages sent through parser, attachments and storer again")
    if damage.undescribed:
        click.echo(f"{undescribed.mend(context, bench)} raw messages written again with what their rows say of them")
    asked, hidden = strays.mend(context, bench, name)
    if asked or hidden:
        click.echo(f"{asked} folders that the poller is to look for; {hidden} past ones are hidden")
    unmade.forget(bench)
    for why, count in unmade.told(bench):
        click.echo(f"{count} raw messages {why}", err=True)


def _events(context: "Context", bench: "Connection", advance: Callable[[], None]) -> "Iterator[MessageFetched]":
    """The events of what is wanted; of a message that has none the reason is noted."""
    from services.cli.mending import unmade
    from services.cli.mending.rebuilding import folder_names
    from services.cli.mending.workbench import wanted

    names = folder_names(context)
    for copies in wanted(bench):
        reasons: list[str] = []
        for key in copies:
            event, reason = _event(context, key, names)
            if event:
                yield event
            else:
                reasons.append(reason)
        if len(reasons) == len(copies):
            unmade.note(bench, copies[0], reasons[0])
        advance()


def _event(context: "Context", key: str, names: Mapping[str, str]) -> "tuple[MessageFetched | None, str]":
    """The event, or why there is none."""
    from services.cli.mending.rebuilding import Damaged, from_object
    from services.cli.mending.unmade import DAMAGED, PLACELESS, VANISHED

    try:
        return from_object(context, key, names), PLACELESS
    except Damaged:
        return None, DAMAGED
    except KeyError:
        return None, VANISHED


def _offline(bench: "Connection") -> int:
    from services.cli.mending import unmade
    from services.cli.mending.lost_claims import settle
    from services.cli.mending.workbench import unfetched

    gone = unfetched(bench, []) + settle(bench, fetched=False)
    if gone:
        click.echo("raw messages that are gone come back when the server is asked, without --offline", err=True)
    return 3 if gone or unmade.left(bench) else 0


def _fetch(context: "Context", bench: "Connection", name: str | None, damage: "Damage", late: str) -> int:
    from services.cli.mending import outdated, unmade, untold
    from services.cli.mending.workbench import unpublish_pending
    from services.cli.sync import worst
    from services.cli.sync_run import run_once
    from services.cli.sync_view import show

    if late and not context.embedded:
        click.echo(f"nothing is fetched again while the services are behind: {late}", err=True)
        return 3
    active = [account.slug for account in context.accounts.list() if account.state == "active"]
    code = 3 if damage.lost or _resting(bench, active) else 0
    unpublish_pending(bench, name, on_the_way=not context.embedded)
    untold.ask(context, bench, name)
    outdated.tell_again(context, bench, name)
    if not context.embedded:
        click.echo("the poller fetches what is missing at its next pass: mailweir status")
        return 3 if unmade.not_to_come(bench, active) else code
    names = [slug for slug in active if name in (None, slug)]
    results = run_once(context, names, None) if names else []
    show(results, as_json=False)
    return worst(results) or (3 if unmade.left(bench) else code)


def _resting(bench: "Connection", active: list[str]) -> int:
    """How many raw messages nobody fetches; said."""
    from services.cli.mending import lost_claims
    from services.cli.mending.workbench import unfetched

    resting = unfetched(bench, active) + lost_claims.resting(bench, active)
    if resting:
        reason = "their account is paused or removed; they come back with the first sync after it goes on"
        click.echo(f"{resting} raw messages that are gone are not fetched: {reason}", err=True)
    return resting
