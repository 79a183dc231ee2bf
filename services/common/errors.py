"""Failures by whose fault they are (docs/delivery.md). The runtimes act on the class, people read the text."""


class MailweirError(Exception):
    """A failure with a text for people: the thing, the reason, the next step; never a secret or mail content."""

    exit_code = 1


class ConfigurationError(MailweirError):
    """Usage or configuration is wrong; nothing was done."""

    exit_code = 2


class Incomplete(MailweirError):
    """Not everything could be done, and what is left is explained."""

    exit_code = 3


class SignInRefused(MailweirError):
    """The server refused the credentials."""

    exit_code = 4


class ConnectionFailed(MailweirError):
    """The server cannot be reached, or TLS could not be established and verified."""

    exit_code = 5


class Unavailable(MailweirError):
    """A dependency (database, object store, broker) does not answer: retried in place, nothing acknowledged."""


class ContractViolated(MailweirError):
    """A record does not keep the contract; it becomes a dead letter. ``code`` is the class of the violation."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Malformed(ValueError):
    """A piece of a record has another form than it should; the text is ours and never repeats what is there."""


class DeadLetterLimit(MailweirError):
    """Too many dead letters: most likely the deployed code is wrong, so the service stops."""
