"""Pages and parts of pages about accounts: what their templates are given."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from services.common.accounts.fields import Account
from services.common.accounts.providers import GENERIC, profile
from services.common.guard import Result
from services.console import failures, folders_sync, forms, testing, watching
from services.console.adapters import Ports
from services.console.folders_sync import Changes, FolderLine
from services.console.forms import Form, Invalid
from services.console.memory import Test, mailbox_of
from services.console.texts import lookup
from services.console.web import is_htmx, language_of, page, ports_of, wants_json
from services.front import doctor_view
from services.poller.adapters import PostgresLedger

NO_CHANGES = Changes()
FIELDS = ("user", "host", "port", "tls", "auth", "secret", "code_expires")
_RESULTS = {
    "ok": "test.ok",
    "could not connect": "test.unreachable",
    "TLS problem": "test.unsafe",
    "sign-in refused": "test.refused",
}


def form(
    request: Request,
    typed: Form,
    stored: Account | None,
    *,
    problems: Mapping[str, str] | None = None,
    status: int = 200,
    test: Test | None = None,
    prove: bool = False,
) -> Response:
    """The form of an account: the whole page, or for htmx a dialog. ``prove``: it also asks for the own password."""
    language, known = language_of(request), forms.profile_of(typed)
    return page(
        request,
        "account_form.html",
        status,
        form=forms.printable(typed),
        stored=stored,
        secret_set=bool(stored and ports_of(request).accounts.secret_infos(stored.slug)),
        attributes=forms.ATTRIBUTES,
        problems=told(request, problems or {}),
        provider="" if known.id == GENERIC else known.text(known.name, language),
        secret_advice=forms.advice(known, "secret", language),
        code_advice=forms.explained(known, language),
        grants=known.grants,
        modal=request.headers.get("hx-target") == "modal",
        prove=prove,
        **_test_values(request, test),
    )


def told(request: Request, problems: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with which field, in the language of the page."""
    language = language_of(request)
    return forms.shown(problems, lookup(language), language)


def invalid(request: Request, typed: Form, stored: Account | None, error: Invalid, *, prove: bool = False) -> Response:
    """The form again with its problems; for a program only these."""
    if wants_json(request):
        fields = told(request, error.problems)
        return JSONResponse({"error": "; ".join(map(": ".join, fields.items())), "fields": fields}, 422)
    if is_htmx(request) and request.headers.get("hx-target") == "test-result":
        problems = told(request, error.problems)
        values = _test_values(request, None)
        return page(request, "account_test.html", problems=problems, fields=_fields(stored), **values)
    return form(request, typed, stored, problems=error.problems, status=422, prove=prove)


def tested(request: Request, test: Test) -> Response:
    """The part that shows a test; while it runs, it asks for itself again."""
    return page(request, "account_test.html", problems={}, fields=(), **_test_values(request, test))


def begun_test(request: Request, test: Test, stored: Account | None) -> Response:
    """The same as the answer to the form: it also takes back what was told beside the fields before."""
    return page(request, "account_test.html", problems={}, fields=_fields(stored), **_test_values(request, test))


def _fields(stored: Account | None) -> Sequence[str]:
    """The fields that the form has, each with a place for its problem."""
    return FIELDS if stored else (*FIELDS, "name")


def flood(request: Request) -> Response:
    """Too many connections of late."""
    return failures.failed(request, 429, lookup(language_of(request))("test.flood"))


def advice_of(request: Request, test: Test) -> str:
    """What to do about a failed test."""
    about, language = testing.about(test), language_of(request)
    known = profile(test.account.provider)
    return (forms.advice(known, about, language) or forms.advice(known, "unknown", language)) if about else ""


def details_of(request: Request, test: Test) -> list[str]:
    """What was seen after a good sign-in, line by line."""
    steps = [step for step in test.steps if step.name in testing.TOLD and step.outcome != "failed"]
    return [doctor_view.line(step, test.account, language_of(request), full=False) for step in steps]


def folder_lines(ports: Ports, account: Account) -> list[FolderLine]:
    """Folders as last seen on the server, with the state of ours. Blocks."""
    fresh = ports.accounts.find(account.slug) or account
    known = PostgresLedger(ports.engine).folders(account.slug)
    return folders_sync.lines(fresh, ports.memory.listings.get(mailbox_of(fresh), ()), known)


def begun(ports: Ports, account: Account) -> bool:
    """Whether the account retrieves, or ever did: a paused one without a pass still waits for its folders. Blocks."""
    return account.state == "active" or watching.passed(ports.engine, account.slug)


def folders(
    request: Request,
    account: Account,
    lines: Sequence[FolderLine],
    *,
    result: Result | None = None,
    changes: Changes = NO_CHANGES,
    detail: str = "",
    problem: str = "",
    done: str = "",
) -> Response:
    """The folder list of an account with a box for each."""
    return page(
        request,
        "account_folders.html",
        422 if problem else 200,
        account=account,
        lines=lines,
        listed=mailbox_of(account) in ports_of(request).memory.listings,
        future=not account.given.get("include"),
        result=result,
        result_key=_RESULTS.get(result or "", ""),
        changes=changes,
        detail=detail,
        problem=problem,
        done=done,
        begun=begun(ports_of(request), account),
    )


def _test_values(request: Request, test: Test | None) -> dict[str, Any]:
    return {
        "test": test,
        "stages": testing.stages(test) if test else {},
        "test_key": _RESULTS.get(test.result or "", "") if test else "",
        "test_advice": advice_of(request, test) if test else "",
        "test_details": details_of(request, test) if test else [],
    }
