"""A PEP 249 driver for libSQL servers, over Hrana 3 on HTTP. Plain Python: it knows no Django.

    connection = connect("http://127.0.0.1:8080", autocommit=True)
    connection.cursor().execute("SELECT ?", [1]).fetchall()

Layers, each knowing only those to its right:
connection → cursor → results → stream → limits → transport | messages → endpoint | values → errors
"""

from django_hrana.driver.admin import Admin
from django_hrana.driver.connection import Connection, connect
from django_hrana.driver.cursor import Cursor
from django_hrana.driver.dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from django_hrana.driver.endpoint import Endpoint
from django_hrana.driver.errors import (
    AccessDenied,
    Blocked,
    Busy,
    DatabaseError,
    DatabaseNotFound,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    OutcomeUnknown,
    Overloaded,
    ProgrammingError,
    TooLarge,
    TransactionLost,
    Unreachable,
    Warning,  # noqa: A004 (PEP 249 names it so)
)
from django_hrana.driver.network import Network, NetworkOptions
from django_hrana.driver.tokens import FileToken

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AccessDenied",
    "Admin",
    "Binary",
    "Blocked",
    "Busy",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "DatabaseNotFound",
    "Date",
    "DateFromTicks",
    "Endpoint",
    "Error",
    "FileToken",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Network",
    "NetworkOptions",
    "NotSupportedError",
    "OperationalError",
    "OutcomeUnknown",
    "Overloaded",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TooLarge",
    "TransactionLost",
    "Unreachable",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
