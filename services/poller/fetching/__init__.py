"""The bodies that are missing: from the request until what came is in the ledger."""
