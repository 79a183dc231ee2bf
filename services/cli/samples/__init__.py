"""Sample mail for the demo: written by us, made the same on every run, varied like a real mailbox."""

from services.cli.samples.mailbox import Sample, mailbox

__all__ = ["Sample", "mailbox"]
