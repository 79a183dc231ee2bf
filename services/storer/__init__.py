"""Events become rows: emails, places, threads, sync status."""
