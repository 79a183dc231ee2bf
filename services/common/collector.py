"""The garbage collector of a process through which much mail goes."""

import gc

_NEWS = 20_000  # objects that it lets come before it looks; its 700 come and go many times in every batch


def settle() -> None:
    """Let it pass over what is there by now and look more rarely: it took 2.5 % of the CPU time of an import."""
    gc.freeze()
    gc.set_threshold(_NEWS)
