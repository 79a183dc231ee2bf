"""What stands between a service and a server, and may stop passing things on while both connections stay open.

The system below it acknowledges all that is sent, so TCP notices nothing: as with a proxy that hangs, or a firewall.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

_PIECE = 65_536


class Between:
    """Listens on ``port`` and passes on to a server (host and port, or a path).

    As long as ``asks`` is set what goes to it is passed on, as long as ``answers`` is set what comes from it. Of that a
    new connection passes ``most`` octets on at most, and ends.
    """

    most: int | None = None

    def __init__(self, server: tuple[str, int] | str) -> None:
        self.asks, self.answers = Event(), Event()
        self.heal()
        self._server = server
        self._open: list[socket.socket] = []
        self._forgotten: list[Event] = []
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """Pass on again what is sent; nothing that was held is lost."""
        self.asks.set()
        self.answers.set()

    def forget(self) -> None:
        """Pass nothing on any more of the connections that are open now; new ones work."""
        self._forgotten += [self.asks, self.answers]
        self.asks.clear()
        self.answers.clear()
        self.asks, self.answers = Event(), Event()
        self.heal()

    def reset(self) -> None:
        """End all connections by RST, in the middle of whatever they do."""
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    each.shutdown(socket.SHUT_RD)  # wakes who waits for it; the close then sends RST
                each.close()
            self._open.clear()

    def close(self) -> None:
        """End all; whoever waits wakes up."""
        self.heal()
        for each in self._forgotten:
            each.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.reset()

    def _reached(self) -> socket.socket:
        far = socket.socket(socket.AF_UNIX if isinstance(self._server, str) else socket.AF_INET)
        far.connect(self._server)
        return far

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = self._reached()
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._open += [near, far]
                Thread(target=_pass_on, args=(near, far, self.asks, None), daemon=True).start()
                Thread(target=_pass_on, args=(far, near, self.answers, self.most), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, open_now: Event, most: int | None) -> None:
    left = float("inf") if most is None else most
    with suppress(OSError):
        while left > 0 and (piece := source.recv(int(min(_PIECE, left)))):
            open_now.wait()
            target.sendall(piece)
            left -= len(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def between(server: tuple[str, int] | str) -> Iterator[Between]:
    """One in front of a server, until the block ends."""
    made = Between(server)
    try:
        yield made
    finally:
        made.close()
