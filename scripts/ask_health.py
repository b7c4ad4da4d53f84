"""Ask this container's own server whether it lives; exit 0 or 1. Needs nothing but Python."""

import http.client
import os
import sys

# Docker waits five (HEALTHCHECK in the Dockerfile): the reason must be written before that.
TIMEOUT_SECONDS = 4


def main() -> int:
    """Return 0 if `/health/live` answers 200, else 1."""
    port = int(os.environ.get("PORT") or 8000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/live", headers={"Host": _find_host()})
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


def _find_host() -> str:
    """Return a host that Django serves: the first allowed one that is no wildcard."""
    for name in os.environ.get("ALLOWED_HOSTS", "").split(","):
        host = name.strip()
        if host and not host.startswith((".", "*")):
            return host
    return "localhost"


if __name__ == "__main__":
    sys.exit(main())
