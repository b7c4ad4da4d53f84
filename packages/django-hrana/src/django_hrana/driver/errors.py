"""Errors of the driver: PEP 249's tree, with a leaf where a caller would act differently.

Warning:
    Error
    ├── InterfaceError            the driver was used wrongly, or the answer is no Hrana
    └── DatabaseError
        ├── DataError             a value the server cannot hold or send
        ├── IntegrityError        a constraint
        ├── InternalError         the server's own fault
        ├── NotSupportedError     nothing here supports it
        ├── ProgrammingError      wrong parameters, closed cursors, several statements at once
        └── OperationalError      SQL that the server refused, and:
            ├── Unreachable       no connection: nothing was sent
            ├── OutcomeUnknown    a write was sent and no answer came: applied or not
            ├── TransactionLost   the server took the transaction away: nothing of it was written
            ├── Busy              somebody else wrote since this transaction began to read
            ├── Overloaded        the server has no room now: nothing was executed
            ├── AccessDenied      the token is missing, wrong, expired or may not write
            ├── DatabaseNotFound  the server has no database of this name
            └── Blocked           the account's quota is used up

Each error says whether trying again can help (`retryable`): the transaction as a whole, or the
statement outside of one. Server errors are translated here and nowhere else.

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
    """Never raised; PEP 249 asks for the name."""


class Error(Exception):
    """Base of all errors of the driver."""

    retryable: bool = False
    """Whether the same again can succeed with nobody mending anything in between."""
    code: str = ""
    """The server's own error code, where it sent one."""
    status: int = 0
    """HTTP status of the answer, 0 where there was none."""


class InterfaceError(Error):
    """The driver was used wrongly, or the answer is not Hrana."""


class DatabaseError(Error):
    """Base of what concerns the database."""


class DataError(DatabaseError):
    """A value that the server cannot hold or send."""


class IntegrityError(DatabaseError):
    """A constraint is violated."""


class InternalError(DatabaseError):
    """The server is at fault."""


class NotSupportedError(DatabaseError):
    """Not supported by the server or the driver."""


class ProgrammingError(DatabaseError):
    """Wrong parameters, several statements at once, use after close."""


class OperationalError(DatabaseError):
    """The server refused the statement, or could not do it."""


class Unreachable(OperationalError):
    """No connection could be made, or the request was not sent whole: nothing was executed."""

    retryable = True


class OutcomeUnknown(OperationalError):
    """A write was sent and no answer came: it was applied, or it was not."""


class TransactionLost(OperationalError):
    """The server ended the transaction: nothing of it was written, all of it must be done again."""

    retryable = True


class Busy(OperationalError):
    """Somebody else wrote since this transaction began to read: do it again from its start."""

    retryable = True


class Overloaded(OperationalError):
    """The server has no room for another stream or request: nothing was executed."""

    retryable = True


class AccessDenied(OperationalError):
    """The token is missing, wrong or expired, or does not allow it."""


class DatabaseNotFound(OperationalError):
    """The server has no database of this name."""


class Blocked(OperationalError):
    """The account may not read or write for now, most often because a quota is used up."""


class TooLarge(DataError):
    """A value, or all of a row together, is larger than the database takes."""


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
TOO_BIG: Final = "string or blob too big"
TOO_BIG_SENTENCE: Final = (
    "a text, a blob or a row is too large: the server accepts less than 5 MiB (5,242,880 bytes) "
    "per row; store it in parts, or raise the database's max_row_size"
)
TOO_MANY: Final = "too many SQL variables"
TOO_MANY_SENTENCE: Final = (
    "too many SQL variables: the server accepts at most 32766 parameters per statement"
)


def from_server(message: str, code: str | None) -> DatabaseError:
    """Return the error for a statement that the server refused."""
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


def from_status(status: int, message: str, code: str, place: str) -> DatabaseError:
    """Return the error for an HTTP status that is not 200.

    Args:
        status: the HTTP status.
        message: what the server says, without secrets.
        code: its error code, often empty.
        place: the database's address, without secrets.
    """
    error = _by_status(status, message, code, place)
    error.code, error.status = code, status
    return error


def _by_status(status: int, message: str, code: str, place: str) -> DatabaseError:
    lower = message.lower()
    if code == "STREAM_EXPIRED" or "stream not found" in lower or "baton" in lower:
        return TransactionLost(SENTENCES["STREAM_EXPIRED"])
    if "invalid utf-8" in lower:
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
    return OperationalError(f"{place} answered with HTTP status {status}: {message}")


def _denied(status: int, message: str) -> str:
    if status == 403:  # the token is known
        return READ_ONLY if "write permission" in message else FORBIDDEN
    if "expired" in message:
        return EXPIRED
    return UNKNOWN if "none given" in message else REFUSED
