"""What the poller decides by: sets of UIDs, states of folders, when to try again. Pure."""
