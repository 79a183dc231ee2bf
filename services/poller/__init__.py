"""Finds mail on IMAP servers and tells it: one task for each account, folder by folder, nothing left out."""
