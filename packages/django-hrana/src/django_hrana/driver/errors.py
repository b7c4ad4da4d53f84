"""Errors of the driver: the hierarchy of PEP 249, with subclasses where callers act differently.

Warning:
    Error
    ├── InterfaceError            the driver was used incorrectly, or the response is not Hrana
    └── DatabaseError
        ├── DataError             a value that the server cannot store or send
        ├── IntegrityError        a constraint is violated
        ├── InternalError         an internal error of the server
        ├── NotSupportedError     not supported by the server or the driver
        ├── ProgrammingError      wrong parameters, closed cursors, several statements at once
        └── OperationalError      SQL that the server rejected, and:
            ├── Unreachable       no connection; nothing was sent
            ├── OutcomeUnknown    a write was not confirmed: executed or not
            ├── TransactionLost   the server rolled the transaction back
            ├── Busy              others write, or wrote since this transaction read
            ├── Overloaded        the server is overloaded; nothing was written
            ├── AccessDenied      the token is missing, wrong, expired or read-only
            ├── DatabaseNotFound  the server has no database of this name
            └── Blocked           the quota of the account is exhausted

Each error tells whether a retry can help (`retryable`): of the whole transaction, or of the
statement outside a transaction. Server errors are only translated here.

Source: PEP 249; error codes as sqld 0.24 sends them.
"""

import re
from typing import Final

__all__ = [
    "AccessDenied",
    "Blocked",
    "Busy",
    "DataError",
    "DatabaseError",
    "DatabaseNotFound",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "OutcomeUnknown",
    "Overloaded",
    "ProgrammingError",
    "TooLarge",
    "TransactionLost",
    "Unreachable",
    "Warning",
    "from_server",
    "from_status",
]


class Warning(Exception):  # noqa: A001 (PEP 249 names it so)
    """Never raised; required by PEP 249."""


class Error(Exception):
    """Base class of all errors of the driver."""

    retryable: bool = False
    """Whether the same again can succeed with nobody mending anything in between."""
    code: str = ""
    """The server's own error code, where it sent one."""
    status: int = 0
    """HTTP status of the answer, 0 where there was none."""
    retry_after_seconds: float | None = None
    """How long the server asks to wait before it is asked again, if it does."""
    patience_seconds: float = 0.0
    """How long the connection waits for that by itself: its `timeout`."""
    was_refused: bool = False
    """Whether the server refused the request by this status before it began with it."""


class InterfaceError(Error):
    """The driver was used incorrectly, or the response is not Hrana."""


class DatabaseError(Error):
    """Base class of errors of the database."""


class DataError(DatabaseError):
    """A value that the server cannot store or send."""


class IntegrityError(DatabaseError):
    """A constraint is violated."""


class InternalError(DatabaseError):
    """An internal error of the server."""


class NotSupportedError(DatabaseError):
    """Not supported by the server or the driver."""


class ProgrammingError(DatabaseError):
    """Wrong parameters, several statements at once, use after close."""


class OperationalError(DatabaseError):
    """The server rejected the statement, or could not execute it."""


class Unreachable(OperationalError):
    """There was no connection, or the request was not sent completely; nothing was executed."""

    retryable = True


class OutcomeUnknown(OperationalError):
    """A write was sent and not confirmed; it is unknown whether it was executed.

    `status` and `code` are those of the answer that confirmed nothing, if there was one.
    """


class TransactionLost(OperationalError):
    """The server rolled the transaction back; all of it must be repeated."""

    retryable = True


class Busy(OperationalError):
    """Another connection wrote since this transaction began to read, or keeps the write lock.

    Nothing of the statement was executed; repeat the transaction from its start.
    """

    retryable = True


class Overloaded(OperationalError):
    """The server accepts no further stream or request; nothing was written.

    A write that would have been kept at once is an `OutcomeUnknown` instead.
    """

    retryable = True


class AccessDenied(OperationalError):
    """The token is missing, wrong or expired, or does not allow this."""


class DatabaseNotFound(OperationalError):
    """The server has no database of this name."""


class Blocked(OperationalError):
    """The account is blocked, most likely because a quota is exhausted."""


class TooLarge(DataError):
    """A value or a row is larger than the database accepts."""


# By SQLite's sentence: a replica passes the primary's refusal on with a code of its own.
CONSTRAINT: Final = re.compile(
    r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed|datatype mismatch"
    r"|cannot store \w+ value in \w+ column"
)
# What the server puts around SQLite's own sentence.
WRAPPING: Final = re.compile(
    r"^(?:error executing a request on the primary: |SQLite error: |SQL input error: "
    r"|SQL string could not be parsed: )+"
)
OFFSET: Final = re.compile(r" \(at offset \d+\)$")
# As the sqlite3 module has them, for Django and its users catch these classes. What is not here,
# such as a table that does not exist, is an OperationalError.
CLASSES: Final[dict[str, type[DatabaseError]]] = {
    "ARGS_BOTH_POSITIONAL_AND_NAMED": ProgrammingError,
    "ARGS_INVALID": ProgrammingError,
    "BLOCKED": Blocked,
    "SQLITE_BUSY": Busy,
    "SQLITE_BUSY_SNAPSHOT": Busy,
    "SQLITE_CONSTRAINT": IntegrityError,
    "SQLITE_CORRUPT": DatabaseError,
    "SQLITE_INTERNAL": InternalError,
    "SQLITE_LOCKED": Busy,
    "SQLITE_MISMATCH": IntegrityError,
    "SQLITE_NOTADB": DatabaseError,
    "SQLITE_RANGE": ProgrammingError,
    "SQLITE_TOOBIG": DataError,
    "SQL_MANY_STATEMENTS": ProgrammingError,
    "SQL_NO_STATEMENT": ProgrammingError,
    "STREAM_EXPIRED": TransactionLost,
    "TRANSACTION_BUSY": Busy,
    "TRANSACTION_TIMEOUT": TransactionLost,
}
BUSY: Final = (
    "database is locked: another connection has written since this transaction began to read; "
    "run it again, or begin it with the write lock (transaction_mode IMMEDIATE or auto)"
)
SENTENCES: Final[dict[str, str]] = {
    "BLOCKED": (
        "the server blocks this database ({message}): most likely the plan's quota is exhausted; "
        "raise it or wait until it is renewed"
    ),
    "SQLITE_BUSY": BUSY,
    "SQLITE_BUSY_SNAPSHOT": BUSY,
    "SQL_MANY_STATEMENTS": "You can only execute one statement at a time.",
    "STREAM_EXPIRED": (
        "the server ended the transaction after 10 seconds without a statement, and rolled it "
        "back: keep slow work out of transactions and run it again"
    ),
    "TRANSACTION_TIMEOUT": (
        "the server rolled the transaction back because it held the write lock for more than 5 "
        "seconds while others waited: make it shorter and run it again"
    ),
}
EXPIRED: Final = "the token for {place} has expired: create a new one and set it as auth_token"
UNKNOWN: Final = "{place} requires a token: set it as auth_token"
REFUSED: Final = (
    "{place} rejected the token, which is not valid for this server: copy it again, or create a "
    "new one for this database, and set it as auth_token"
)
READ_ONLY: Final = "the token for {place} is read-only: set an auth_token with write access"
# Of reads, and of what begins a transaction: whoever waits a little may get another answer.
PASSING_STATUSES: Final = frozenset({408, 425, 499, 502, 503, 504})
NOT_FOUND: Final = 404
FORBIDDEN: Final = "{place} does not allow this: {message}"
STATUSES: Final[dict[int, tuple[type[DatabaseError], str]]] = {
    401: (AccessDenied, ""),
    403: (AccessDenied, ""),
    404: (
        DatabaseNotFound,
        (
            "{place} responded, but has no such database: correct the host name in the URL, or "
            "the namespace ({message})"
        ),
    ),
    429: (
        Overloaded,
        "{place} cannot accept another connection at the moment: try again, or use fewer processes",
    ),
}
# SQLite's sentences, which come with codes for something else: ARGS_INVALID, SQL_INPUT_ERROR.
TOO_BIG: Final = "string or blob too big"
TOO_BIG_SENTENCE: Final = (
    "a text, a blob or a row is too large: the server accepts at most 5,000,000 bytes for a value, "
    "and for all values of a row together; store it in parts, or raise the database's max_row_size"
)
TOO_MANY: Final = "too many SQL variables"
TOO_MANY_SENTENCE: Final = (
    "too many SQL variables: the server accepts at most 32766 parameters per statement"
)


def from_server(message: str, code: str | None) -> DatabaseError:
    """Return the error for a statement that the server rejected."""
    code = code or ""
    text = OFFSET.sub("", WRAPPING.sub("", message))
    error: DatabaseError
    if CONSTRAINT.search(text):
        error = IntegrityError(text)
    elif TOO_BIG in text:
        error = TooLarge(TOO_BIG_SENTENCE)
    elif TOO_MANY in text:
        error = DataError(TOO_MANY_SENTENCE)
    else:
        kind = CLASSES.get(code, OperationalError)
        error = kind(SENTENCES.get(code, "{message}").replace("{message}", text))
    error.code = code
    return error


def from_status(
    status: int, message: str, code: str, place: str, *, had_stream: bool = False
) -> DatabaseError:
    """Return the error for an HTTP status that is not 200.

    Args:
        status: the HTTP status.
        message: the message of the server, without secrets.
        code: its error code, often empty.
        place: the address of the database, without secrets.
        had_stream: the request continued a stream.
    """
    error = _by_status(status, message, code, place, had_stream=had_stream)
    error.code, error.status = code, status
    return error


def _by_status(
    status: int, message: str, code: str, place: str, *, had_stream: bool
) -> DatabaseError:
    lower = message.lower()
    # One end of a stream in several shapes: sqld sends a code, Turso's servers 404 "stream not
    # found", and a server that was restarted knows no baton of before. Whatever it says, the
    # database was there a moment ago.
    is_unknown = had_stream and status == NOT_FOUND and not lower.startswith("namespace")
    if is_unknown or code == "STREAM_EXPIRED" or "stream not found" in lower or "baton" in lower:
        return TransactionLost(SENTENCES["STREAM_EXPIRED"])
    if "invalid utf-8" in lower:  # with status 500
        return DataError(
            "a text in the result is not valid UTF-8, so the server cannot send it: read it with "
            "CAST(… AS BLOB)"
        )
    if "BLOCKED" in code:
        return from_server(message, "BLOCKED")
    if status in STATUSES:
        kind, sentence = STATUSES[status]
        sentence = sentence or _denied(status, lower)
        return kind(sentence.format(place=place, message=message))
    error = OperationalError(f"{place} answered with HTTP status {status}: {message}")
    error.retryable = status in PASSING_STATUSES
    return error


def _denied(status: int, message: str) -> str:
    if status == 403:  # the token is known
        return READ_ONLY if "write permission" in message else FORBIDDEN
    if "expired" in message:
        return EXPIRED
    return UNKNOWN if "none given" in message else REFUSED
