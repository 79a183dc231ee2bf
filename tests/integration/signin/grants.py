"""An account with a grant, and what is stored of it."""

from services.common.accounts.fields import Account
from services.common.accounts.settings import parse_pairs
from services.common.accounts.store import AccountStore
from services.common.oauth import grants
from services.common.oauth.tokens import access_token
from services.common.secret import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.token_endpoint import Reply, TokenEndpoint

FAST = ["backoff_base=10", "backoff_max=900"]


def added(store: AccountStore, endpoint: TokenEndpoint | str, *pairs: str, refresh: str = "r0") -> Account:
    """The account; ``endpoint`` or its URL."""
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    given = parse_pairs([*FAST, f"oauth_token_url={url}", *pairs])
    account = Account(
        slug="work",
        host="h.example.org",
        user="u@example.org",
        auth="xoauth2",
        given=given | {"oauth_client_id": "cid"},
    )
    return store.add(account, ("refresh_token", Secret(refresh)))


def stored(store: AccountStore, field: str) -> str | None:
    found = store.get_secret("work", field)
    return found.reveal() if found else None


def grant(store: AccountStore) -> grants.Grant:
    with store.engine.connect() as connection:
        return grants.grant_of(connection, "work")


async def renew(store: AccountStore, clock: FakeClock, *, force: bool = False) -> str:
    return (await access_token(store.get("work"), store, clock, force)).reveal()


def replace_headers(reply: Reply, headers: dict[str, str]) -> Reply:
    return Reply(reply.status, reply.body, headers)
