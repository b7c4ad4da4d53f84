"""A real Caddy on loopback with the project's own Caddyfile, and its internal authority for TLS."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.support.ports import free_port

__all__ = ["CADDY", "Caddy"]

ROOT = Path(__file__).resolve().parents[2]
CADDY = shutil.which("caddy", path=str(Path(sys.prefix) / "bin"))


class Caddy:
    """`with Caddy(folder, blue=…, green=…) as caddy:` serves https://localhost:port/."""

    def __init__(
        self,
        folder: Path,
        *,
        blue: str,
        green: str = "127.0.0.1:1",
        ranges: str = "",
        patience: str = "15s",
    ) -> None:
        """Prepare a configuration.

        Args:
            folder: for certificates and the switch.
            blue: host:port of the server behind.
            green: host:port of the other one.
            ranges: networks of proxies in front, which are believed.
            patience: how long a request waits for a server that does not answer.
        """
        self.folder = folder
        self.active = folder / "active"
        self.active.mkdir()
        self.port = free_port()
        self.http_port = free_port()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "SITE_ADDRESS": "localhost",
            "TRUSTED_RANGES": ranges,
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.port),
            "ADMIN_ADDRESS": f"127.0.0.1:{free_port()}",
            "ACTIVE_FOLDER": str(self.active),
            "PATIENCE": patience,
            "BLUE": blue,
            "GREEN": green,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        assert CADDY is not None
        log = (self.folder / "caddy.log").open("wb")
        command = [CADDY, "run", "--config", str(ROOT / "deploy/caddy/Caddyfile")]
        self._process = subprocess.Popen(
            [*command, "--adapter", "caddyfile"],
            env=self._environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        for _ in range(200):
            if self._answers():
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError((self.folder / "caddy.log").read_text())

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)

    def _answers(self) -> bool:
        """Whether its certificate is made, too."""
        if not self.authority.exists():
            return False
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
                self.tls.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            return False
        return True

    @property
    def authority(self) -> Path:
        """Return the file of the certificate authority that Caddy made for itself."""
        return self.folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"

    @property
    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts that authority alone."""
        return ssl.create_default_context(cafile=str(self.authority))

    def switch(self, *, green: bool) -> None:
        """Let the green server answer, or the blue one."""
        if green:
            (self.active / "green").touch()
        else:
            (self.active / "green").unlink(missing_ok=True)
