"""A PEP 249 cursor: converts parameters and rows. The connection sends statements to the server."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from django_hrana.driver.errors import (
    DatabaseError,
    NotSupportedError,
    ProgrammingError,
    TooLarge,
    TransactionLost,
)
from django_hrana.driver.infinity import ask_for_signs, has_infinity, with_signs
from django_hrana.driver.limits import check_depth, with_sizes
from django_hrana.driver.messages import (
    TOO_LARGE,
    NamedArgument,
    StatementRequest,
    StatementResult,
)
from django_hrana.driver.pragmas import LEGACY_ALTER_TABLE, Pragma, Reply, check_rename
from django_hrana.driver.results import decode_in_parts
from django_hrana.driver.statements import Kind, Statement, classify, with_literals
from django_hrana.driver.values import (
    Cell,
    Column,
    Literal,
    UnsignedInfinityError,
    decode_rows,
    encode,
)

if TYPE_CHECKING:
    from django_hrana.driver.connection import Connection

__all__ = ["Cursor", "Parameters", "build_request"]

Parameters = Sequence[object] | Mapping[str, object]
Row = tuple[Any, ...]

# Statements of executemany() in one request: enough that the way there hardly counts, and few
# enough that the answer stays far below the 10 MB that the server sends.
STEPS_AT_ONCE: Final = 500
NO_ROWS: Final = -1


class Cursor:
    """A PEP 249 cursor.

    Attributes:
        description: a 7-tuple for each column of the result, with only the name; None if there is
            no result.
        rowcount: number of rows changed by INSERT, UPDATE or DELETE; -1 for other statements.
        lastrowid: ID of the row that the last INSERT created, if any.
        arraysize: default number of rows for `fetchmany`.
    """

    def __init__(self, connection: "Connection", *, stream: bool = False) -> None:
        """Use `Connection.cursor` instead."""
        self.connection = connection
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = NO_ROWS
        self.lastrowid: int | None = None
        self.arraysize = 1
        self._stream = stream
        self._rows: Iterator[Row] = iter(())
        self._closed = False

    def execute(self, sql: str, parameters: Parameters = ()) -> Self:
        """Run a statement; parameters are written `?`, or `:name` if they are named.

        Raises:
            Error: see the table in `connection`.
        """
        self._reset()
        check_depth(sql)
        statement = classify(sql)
        reply = None if statement.pragma is None else self._reply(statement.pragma)
        if reply is not None:
            self._describe([Column(name) for name in reply.columns])
            self._rows = iter(reply.rows)
        elif statement.is_control:
            self.connection.control(statement)
        else:
            self._run(sql, parameters, statement)
        return self

    def executemany(self, sql: str, many: Iterable[Parameters]) -> Self:
        """Run a statement once for each set of parameters: all of them, or none.

        Raises:
            ProgrammingError: the statement reads, or controls the transaction.
            Error: see the table in `connection`.
        """
        self._reset()
        check_depth(sql)
        statement = classify(sql)
        if statement.is_read or statement.is_control or statement.pragma is not None:
            raise ProgrammingError("executemany() can only execute statements that change data.")
        requests = (build_request(sql, parameters) for parameters in many)
        first = list(itertools.islice(requests, STEPS_AT_ONCE))
        second = list(itertools.islice(requests, STEPS_AT_ONCE))
        if not second:  # one request is all or nothing by itself
            self._run_many(first)
        elif self.connection.in_transaction or not self.connection.autocommit:
            self._run_all(first, second, requests)
        else:
            with self.connection.transaction():
                self._run_all(first, second, requests)
        return self

    def executescript(self, _script: str) -> Self:
        """Not supported by Hrana; run the statements one by one.

        Raises:
            ProgrammingError: always.
        """
        raise ProgrammingError(
            "executescript() is not supported: run each statement with execute(), in a transaction"
        )

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        self._check_open()
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next `size` rows; fewer at the end."""
        self._check_open()
        if size is None:
            size = self.arraysize
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> list[Row]:
        """Return all remaining rows."""
        self._check_open()
        return list(self._rows)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        self._check_open()
        return next(self._rows)

    def close(self) -> None:
        """Close the cursor and discard the rest of its result."""
        self._forget_rows()
        self._closed = True

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def _run(self, sql: str, parameters: Parameters, statement: Statement) -> None:
        if self.connection.is_on(LEGACY_ALTER_TABLE):
            check_rename(sql)
        request = build_request(sql, parameters)
        try:
            result = self.connection.run([request], is_read=statement.is_read)[0]
        except TooLarge as error:
            raise with_sizes(error, [request]) from error
        except DatabaseError as error:
            if error.code != TOO_LARGE or not statement.is_read:
                raise
            # /v3/cursor has no limit of size. It takes ten times as long for small rows, so that
            # it is only used where it must be.
            arriving = self.connection.arriving(request)
            self._describe(arriving.columns)
            self._rows = iter(arriving)
            return
        if statement.is_read and self._stream and has_infinity(result):
            result = self._with_signs(request, result)
        try:
            self._take(result, statement)
        except UnsignedInfinityError:
            if not statement.is_read:
                raise
            self._take(self._with_signs(request, result), statement)

    def _with_signs(self, request: StatementRequest, result: StatementResult) -> StatementResult:
        """Return the result with infinite numbers that have a sign, where they can be had."""
        again = ask_for_signs(request, len(result.cols))
        try:
            (second,) = self.connection.run([again], is_read=True)
        except DatabaseError as error:
            if error.status or isinstance(error, TransactionLost):
                raise
            return result  # it cannot stand in another statement; the error will say what to do
        return with_signs(result, second)

    def _take(self, result: StatementResult, statement: Statement) -> None:
        self._describe(result.cols)
        if statement.counts_rows:
            self.rowcount = result.affected_row_count
        # The server repeats the previous row's number where nothing was inserted.
        if statement.kind is Kind.INSERT and result.affected_row_count:
            self.lastrowid = int(result.last_insert_rowid or 0) or None
        converters = self.connection.converters
        if self._stream:
            self._rows = decode_in_parts(result.cols, result.rows, converters)
        elif result.rows:
            self._rows = iter(decode_rows(result.cols, result.rows, converters))

    def _describe(self, columns: Sequence[Column]) -> None:
        if columns:
            # PEP 249's other six fields, such as a type code, SQLite's columns do not have.
            self.description = tuple(
                [(column.name, None, None, None, None, None, None) for column in columns]
            )

    def _run_all(
        self,
        first: list[StatementRequest],
        second: list[StatementRequest],
        rest: Iterator[StatementRequest],
    ) -> None:
        self._run_many(first)
        part = second
        while part:
            self._run_many(part)
            part = list(itertools.islice(rest, STEPS_AT_ONCE))

    def _run_many(self, part: list[StatementRequest]) -> None:
        if not part:
            return
        try:
            results = self.connection.run(part, is_read=False)
        except TooLarge as error:
            raise with_sizes(error, part) from error
        self.rowcount = max(self.rowcount, 0)
        for result in results:
            self.rowcount += result.affected_row_count

    def _reply(self, pragma: Pragma) -> Reply | None:
        """Return the answer of a PRAGMA that is not sent; None: the server answers it."""
        if not pragma.is_switch:
            return pragma.reply()
        if pragma.value is not None:
            self.connection.turn(pragma.name, is_on=pragma.is_on)
            return Reply()
        is_on = self.connection.is_on(pragma.name)
        return Reply((pragma.name,), ((int(is_on),),))

    def _reset(self) -> None:
        self._check_open()
        self._forget_rows()
        self.description = None
        self.rowcount = NO_ROWS

    def _forget_rows(self) -> None:
        close = getattr(self._rows, "close", None)
        if close is not None:
            close()
        self._rows = iter(())

    def _check_open(self) -> None:
        if self._closed:
            raise ProgrammingError("Cannot operate on a closed cursor.")
        if self.connection.closed:
            raise ProgrammingError("Cannot operate on a closed database.")


def build_request(sql: str, parameters: Parameters) -> StatementRequest:
    """Return the statement with its parameters; those that cannot be sent are put into the SQL."""
    literals: dict[int | str, str] = {}
    if isinstance(parameters, Mapping):
        named_arguments = []
        for name, parameter in parameters.items():
            value = encode(parameter)
            if isinstance(value, Literal):
                literals[name] = value.sql
            else:
                named_arguments.append(NamedArgument(name, value))
        return StatementRequest(_with_literals(sql, literals), named_args=named_arguments)
    arguments: list[Cell] = []
    for index, parameter in enumerate(parameters):
        value = encode(parameter)
        if isinstance(value, Literal):
            literals[index] = value.sql
        else:
            arguments.append(value)
    return StatementRequest(_with_literals(sql, literals), arguments)


def _with_literals(sql: str, literals: Mapping[int | str, str]) -> str:
    if not literals:
        return sql
    try:
        return with_literals(sql, literals)
    except ValueError as error:
        raise NotSupportedError(
            "infinity, and numbers with 16 or 17 digits, cannot be bound to numbered parameters "
            f"such as {error}: use ? or :name"
        ) from error
