"""A TCP proxy that delays what passes, each way, and counts round trips and connections."""

import contextlib
import queue
import socket
import threading
import time

__all__ = ["DelayProxy"]


class DelayProxy:
    """Listens on a free port of loopback.

    Attributes:
        url: its address.
        round_trips: how often a client sent something after an answer, or first of all.
        connections: how many were opened; each costs one more round trip, and more with TLS.
        refused: answers that say 429, too many requests.
    """

    def __init__(self, port: int, delay_seconds: float) -> None:
        self.round_trips = 0
        self.connections = 0
        self.refused = 0
        self._target = port
        self._delay_seconds = delay_seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self.connections += 1
        time.sleep(2 * self._delay_seconds)  # the handshake
        server = socket.create_connection(("127.0.0.1", self._target))
        # Nagle's algorithm would wait for an acknowledgement and add its own delay to ours.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asks = threading.Event()  # the last bytes were the client's
        self._pump(client, server, asks, from_client=True)
        self._pump(server, client, asks, from_client=False)

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        asks: threading.Event,
        *,
        from_client: bool,
    ) -> None:
        # Received by one thread and sent by another: a delay in a single one would also limit the
        # throughput to one piece per delay.
        waiting: queue.Queue[tuple[float, bytes]] = queue.Queue()

        def receive() -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(262_144):
                    self._count(asks, data, from_client=from_client)
                    waiting.put((time.monotonic() + self._delay_seconds, data))
            waiting.put((0.0, b""))

        threading.Thread(target=receive, daemon=True).start()
        threading.Thread(target=_send, args=(waiting, sink), daemon=True).start()

    def _count(self, asks: threading.Event, data: bytes, *, from_client: bool) -> None:
        if not from_client:
            asks.clear()
            self.refused += data.startswith(b"HTTP/1.1 429")
        elif not asks.is_set():
            self.round_trips += 1
            asks.set()


def _send(waiting: queue.Queue[tuple[float, bytes]], sink: socket.socket) -> None:
    """Pass on what waits, each piece when it is due."""
    with contextlib.suppress(OSError):
        while True:
            due, data = waiting.get()
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            time.sleep(max(0.0, due - time.monotonic()))
            sink.sendall(data)
