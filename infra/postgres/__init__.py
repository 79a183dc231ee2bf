"""The database of the stack: its migrations."""
