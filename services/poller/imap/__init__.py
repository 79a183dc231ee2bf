"""All that the poller knows of IMAP; ``session`` is what the rest of it uses."""
