"""Ask this container's own server whether it lives; exit 0 or 1. Needs nothing but Python."""

import http.client
import os
import sys

TIMEOUT_SECONDS = 4


def main() -> int:
    """Return 0 if `/health/live` answers 200, else 1."""
    port = int(os.environ.get("PORT") or 8000)
    # Any allowed host does: the first one that is no wildcard.
    hosts = [host.strip() for host in os.environ.get("ALLOWED_HOSTS", "").split(",")]
    host = next((name for name in hosts if name and not name.startswith((".", "*"))), "localhost")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
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


if __name__ == "__main__":
    sys.exit(main())
