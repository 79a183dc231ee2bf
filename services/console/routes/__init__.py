"""Routes by what a person does. Each module has a ``router``; a new one is added here."""

from services.console.routes import overview, signin, status

ROUTERS = (status.router, signin.router, overview.router)
