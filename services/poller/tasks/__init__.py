"""The task of each account: who runs it, in one process only, once or for ever."""
