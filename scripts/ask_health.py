"""Ask this container's own server whether it lives; exit 0 or 1.

HOST, PORT and ALLOWED_HOSTS are read as the server reads them: from the process or the file of
variables. Django is not loaded.
"""

import http.client
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autoforge.environment import ConfigurationError, load

ROOT = Path(__file__).resolve().parent.parent
# Docker waits five (HEALTHCHECK in the Dockerfile): the reason must be written before that.
TIMEOUT_SECONDS = 4
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (asked, not bound)


def main() -> int:
    """Return 0 if `/health/live` answers 200, else 1."""
    try:
        environment = load(os.environ, ROOT)
    except ConfigurationError as error:
        sys.stderr.write(f"Configuration error: {error}\n")
        return 1
    address = EVERY_ADDRESS.get(environment.host, environment.host)
    port = environment.port
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_SECONDS)
    try:
        host = _find_host(environment.allowed_hosts)
        connection.request("GET", "/health/live", headers={"Host": host})
        status = connection.getresponse().status
    except OSError as error:
        sys.stderr.write(f"no answer on port {port}: {error}\n")
        return 1
    finally:
        connection.close()
    if status != http.client.OK:
        sys.stderr.write(f"/health/live answered {status}\n")
        return 1
    return 0


def _find_host(allowed_hosts: tuple[str, ...]) -> str:
    """Return a host that Django serves: the first allowed one that is no wildcard."""
    for host in allowed_hosts:
        if not host.startswith((".", "*")):
            return host
    return "localhost"


if __name__ == "__main__":
    sys.exit(main())
