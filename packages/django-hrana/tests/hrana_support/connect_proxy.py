"""An HTTP proxy that does CONNECT, as in companies' networks; it records what it was asked for."""

import contextlib
import socket
import threading

__all__ = ["ConnectProxy"]


class ConnectProxy:
    """Listens on a free port of loopback and passes connections on.

    Attributes:
        heads: of the requests that arrived.
        status: what it answers; only with 200 it passes anything on.
        target: port of loopback that all connections end at, whatever was asked for.
    """

    def __init__(self, target: int) -> None:
        self.heads: list[str] = []
        self.status = "200 OK"
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heads.append(head.decode())
            if not self.status:  # it says nothing
                client.recv(1)
                return
            client.sendall(f"HTTP/1.1 {self.status}\r\nVia: test\r\n\r\n".encode())
            if not self.status.startswith("200"):
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                _copy(client, server)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
