"""One pass over one folder: what it holds, what that changes, what need not be fetched."""
