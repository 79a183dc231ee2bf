"""Routes by what a person does. Each module has a ``router``; a new one is added here."""

from services.console.routes import (
    account_settings,
    accounts,
    authorize,
    imap,
    overview,
    preferences,
    signin,
    status,
    users,
    watch,
)

ROUTERS = (
    status.router,
    signin.router,
    preferences.router,
    overview.router,
    watch.router,
    accounts.router,
    account_settings.router,
    imap.router,
    authorize.router,
    users.router,
)
