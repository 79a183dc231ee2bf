"""The object store of the stack."""
