"""What a repair found."""

from msgspec import Struct


class Damage(Struct, frozen=True, kw_only=True):
    """How much does not fit together. ``unstored``: raw messages whose rows are missing or incomplete.

    ``raw_gone`` and ``files_gone``: objects that rows name and the store does not have, or has with other bytes: of
    these there are ``damaged``, and ``unfiled`` raw messages that no row of objects names: forgotten by an earlier
    repair, or still on their way. ``lost``: raw messages gone that the server no longer has. ``refused``: messages that
    became dead letters as their raw message was gone. ``wanted``: messages to be sent again, for all that can be made
    from them. ``erased``: names of accounts that were erased and have mail again, which a repair does not touch.
    ``untold``: folders whose last report is lost; ``unlisted``: folders whose ledger is; ``silent``: accounts whose
    last report is. ``unthreaded``: ids of messages whose threads are forgotten. ``outdated``: places with other flags
    or visibility than the poller told, or shown though it never listed them. ``strays``: folders, each with a
    UIDVALIDITY, whose mail is shown though the poller knows nothing of them. ``undescribed``: raw messages, of those
    that were read, whose objects do not say where they belong; no damage yet.
    """

    unstored: int
    raw_gone: int
    files_gone: int
    damaged: int
    unfiled: int
    lost: int
    refused: int
    wanted: int
    erased: tuple[str, ...]
    untold: int
    unlisted: int
    silent: int
    unthreaded: int
    outdated: int
    strays: int
    undescribed: int

    @property
    def any(self) -> bool:
        """Whether there is anything to mend."""
        losses = (
            self.unstored,
            self.raw_gone,
            self.files_gone,
            self.refused,
            self.untold,
            self.unlisted,
            self.silent,
            self.unthreaded,
            self.outdated,
            self.strays,
        )
        return any(losses)
