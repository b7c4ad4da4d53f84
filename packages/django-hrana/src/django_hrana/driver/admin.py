"""The admin API of a server with several databases: creates, copies and deletes them.

It has a separate port that is usually only reachable from the network of the server.
"""

import json
from typing import Final
from urllib.parse import quote

from django_hrana.driver import failures
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import OperationalError
from django_hrana.driver.messages import describe_failure
from django_hrana.driver.transport import Transport, TransportError

__all__ = ["Admin"]

OK: Final = 200
NOT_FOUND: Final = 404


class Admin:
    """The admin API at one address."""

    def __init__(self, url: str, *, auth_token: str = "", timeout: float = 60.0) -> None:
        """Nothing is sent yet.

        Args:
            url: `http://host:port` of the admin API.
            auth_token: its key, if it asks for one.
            timeout: seconds to wait for an answer.

        Raises:
            InterfaceError: the URL is not valid.
        """
        self._transport = Transport(Endpoint.parse(url), timeout)
        self._token = auth_token

    def create(self, namespace: str) -> None:
        """Create an empty database.

        Raises:
            OperationalError: it exists, or the API is not responding.
            OutcomeUnknown: it was asked for, and no answer came.
        """
        self._ask("POST", f"/v1/namespaces/{quote(namespace)}/create", {})

    def fork(self, source: str, target: str) -> None:
        """Copy a database; the copy is independent from then on.

        Raises:
            OperationalError: the target exists, or the API is not responding.
            OutcomeUnknown: it was asked for, and no answer came.
        """
        self._ask("POST", f"/v1/namespaces/{quote(source)}/fork/{quote(target)}", {})

    def delete(self, namespace: str) -> None:
        """Delete a database, if it exists.

        Raises:
            OperationalError: the API is not responding.
        """
        self._ask("DELETE", f"/v1/namespaces/{quote(namespace)}", {}, may_be_missing=True)

    def close(self) -> None:
        """Close the network connection."""
        self._transport.close()

    def _ask(self, method: str, path: str, body: object, *, may_be_missing: bool = False) -> None:
        try:
            content = json.dumps(body).encode()  # the API asks for a body, if an empty one
            response = self._transport.request(path, content, self._token, method)
        except TransportError as error:
            # To delete what is gone does no harm; to create what is there is refused.
            if error.was_sent and not may_be_missing:
                what = f"{method} {path}"
                raise failures.unknown(self._transport.endpoint, error, what) from error
            raise failures.unreachable(self._transport.endpoint, error) from error
        if response.status == OK or (may_be_missing and response.status == NOT_FOUND):
            return
        message, _code = describe_failure(response.body)
        raise OperationalError(
            f"the admin API at {self._transport.endpoint} rejected {method} {path}: {message}"
        )
