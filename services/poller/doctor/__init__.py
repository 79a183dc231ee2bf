"""The login doctor: one visit to a server, read-only, and what each of its steps tells."""
