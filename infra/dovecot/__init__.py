"""The IMAP server of the stack and of the tests."""
