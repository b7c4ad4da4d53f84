"""A PEP 249 connection: reliable transactions, and handling of failed requests.

Outside a transaction, a statement opens and closes a stream in the same request; only during a
burst of statements is the stream kept, so that the server does not open the database again. A
transaction keeps its stream from its first statement to its end, and each of its statements only
runs if the transaction is still open, because the server may have ended it.

What takes the write lock first waits for its turn among the connections of this process (`turns`).

| a request fails          | read, outside | write, outside | in a transaction | COMMIT          |
|--------------------------|---------------|----------------|------------------|-----------------|
| before it was fully sent | Unreachable   | Unreachable    | TransactionLost  | TransactionLost |
| after it was fully sent  | retried       | OutcomeUnknown | TransactionLost  | OutcomeUnknown  |
| any status but 200       | retried ¹     | OutcomeUnknown | TransactionLost  | OutcomeUnknown  |
| no Hrana, or half of it  | raised        | OutcomeUnknown | TransactionLost  | OutcomeUnknown  |
| refused: no lock, BEGIN  | retried       | retried        | retried          |                 |
| refused: token (401)     | repeated with another token, if `auth_token` has one (`tokens`)  ||||

¹ 408, 425, 429, 499, 502, 503, 504 and a stream that is gone; others are raised. `outcomes` says
why a status proves nothing, and `Stream.is_undone` how a COMMIT turns out to be lost all the same.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NoReturn, Self, TypeVar, Unpack

from django_hrana.driver import failures, messages
from django_hrana.driver.cursor import Cursor
from django_hrana.driver.endpoint import Endpoint, split_token
from django_hrana.driver.errors import (
    AccessDenied,
    DatabaseError,
    DatabaseNotFound,
    DataError,
    InterfaceError,
    OperationalError,
    OutcomeUnknown,
    ProgrammingError,
    TransactionLost,
)
from django_hrana.driver.messages import BatchResult, StatementRequest, StatementResult
from django_hrana.driver.network import Network, NetworkOptions
from django_hrana.driver.outcomes import (
    FAILURES,
    check_done,
    run_alone,
    run_from_begin,
    send_alone,
    with_room,
)
from django_hrana.driver.pragmas import DEFER_FOREIGN_KEYS, FOREIGN_KEYS, QUERY_ONLY
from django_hrana.driver.results import ArrivingRows
from django_hrana.driver.sqlite_limits import HasSqliteLimits
from django_hrana.driver.statements import Kind, Statement
from django_hrana.driver.stream import Stream
from django_hrana.driver.tokens import Token
from django_hrana.driver.transaction import MODES, Transaction, find_begin
from django_hrana.driver.transport import TransportError
from django_hrana.driver.turns import Turn
from django_hrana.driver.values import Converter

__all__ = ["DEFAULT_TIMEOUT_SECONDS", "Connection", "connect"]

AnyCursor = TypeVar("AnyCursor", bound=Cursor)

DEFAULT_TIMEOUT_SECONDS: Final = 60.0  # a writer may wait 5 s for each one in front of it
# Foreign keys are on by default in every stream, and the server ignores this inside a transaction:
# it must be the first statement of a stream. A read-only token may not send it at all.
FOREIGN_KEYS_OFF: Final = "PRAGMA foreign_keys=0"
READ_ONLY: Final = "attempt to write a readonly database: PRAGMA query_only is on"
# Asks nothing but whether the transaction is still open.
LOOK: Final = StatementRequest("SELECT 1")


def connect(
    url: str,
    *,
    auth_token: Token = None,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    transaction_mode: str = "auto",
    namespace: str | None = None,
    autocommit: bool = False,
    converters: Mapping[str, Converter] | None = None,
    **network: Unpack[NetworkOptions],
) -> "Connection":
    """Return a connection to a libSQL server; nothing is sent before the first statement.

    Args:
        url: `libsql://host`, `https://host` or `http://host:port`; with `?authToken=`, it has the
            token, which is shown nowhere.
        auth_token: the token; a function that returns one, called again when it is refused; or a
            `FileToken`, which takes the next one from a file.
        timeout: seconds to wait for a response.
        transaction_mode: how transactions begin: "auto" (with the write lock, so that what was read
            is still true when it is written), "DEFERRED", "IMMEDIATE" or "EXCLUSIVE".
        namespace: name of the database on a server with several.
        autocommit: False, as in PEP 249: a transaction begins with the first statement.
        converters: functions by declared column type in lower case; they receive the value.
        network: how to open network connections, such as `ca_file` and `proxy`.

    Raises:
        InterfaceError: an argument is not valid.

    Examples:
        >>> connection = connect("http://127.0.0.1:8080")
        >>> cursor = connection.cursor()
        >>> cursor.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)").rowcount
        -1
        >>> cursor.executemany("INSERT INTO note (text) VALUES (?)", [["one"], ["two"]]).rowcount
        2
        >>> connection.commit()
        >>> cursor.execute("SELECT id, text FROM note WHERE id > :id", {"id": 1}).fetchall()
        [(2, 'two')]
        >>> connection.close()
    """
    if transaction_mode not in MODES:
        raise InterfaceError(f"transaction_mode is not valid: use one of {', '.join(MODES)}")
    if not timeout > 0:
        raise InterfaceError("timeout is not valid: use a number of seconds greater than 0")
    url, token_in_url = split_token(url)
    endpoint = Endpoint.parse(url, namespace)
    stream = Stream(endpoint, timeout, auth_token or token_in_url, Network.of(**network))
    return Connection(
        stream, mode=transaction_mode, autocommit=autocommit, converters=converters or {}
    )


class Connection(HasSqliteLimits):
    """A PEP 249 connection, for use by one thread at a time."""

    def __init__(
        self, stream: Stream, *, mode: str, autocommit: bool, converters: Mapping[str, Converter]
    ) -> None:
        """Use `connect` instead."""
        super().__init__()
        self.converters = converters
        self.closed = False
        self._foreign_keys = True
        self._switches: dict[str, bool] = {}
        self._stream = stream
        self._turn = Turn(stream.home.endpoint, stream.home.timeout_seconds)
        self._begin = find_begin(mode)
        self._autocommit = autocommit
        self._transaction: Transaction | None = None
        self._arriving: ArrivingRows | None = None

    def __repr__(self) -> str:
        """Return the address; never the token."""
        return f"<Connection to {self._endpoint}>"

    # PEP 249

    def cursor(self, factory: type[AnyCursor] = Cursor, *, stream: bool = False) -> AnyCursor:  # type: ignore[assignment]  # PEP 696 is not in 3.11
        """Return a cursor; with `stream`, one that keeps only part of a large result in memory."""
        self._check_open()
        return factory(self, stream=stream)

    def commit(self) -> None:
        """Commit the transaction; without one, do nothing.

        Raises:
            IntegrityError: a deferred constraint is violated; everything is rolled back.
            TransactionLost: the server rolled the transaction back.
            OutcomeUnknown: it was not confirmed: either all of it was written or nothing.
        """
        self._check_open()
        transaction = self._transaction
        if transaction is None:
            return
        try:
            self._check_not_lost(transaction)
            if transaction.is_begun:
                self._read_ahead()
                self._commit(transaction)
        except BaseException:
            self._stream.end()
            raise
        finally:
            self._transaction = None
            self._turn.give_back()

    def rollback(self) -> None:
        """Roll the transaction back; without one, do nothing. Never fails."""
        self._check_open()
        transaction, self._transaction = self._transaction, None
        self._abandon_reading()
        if transaction is None:
            return
        try:
            self._stream.end()  # the server rolls back what is open on a stream that ends
        finally:
            self._turn.give_back()

    def close(self) -> None:
        """Roll back an open transaction and close the network connection."""
        if not self.closed:
            self.rollback()
            self._stream.end()
            self._stream.close()
            self.closed = True

    def __enter__(self) -> Self:
        """Return the connection; leaving commits, or rolls back after an exception."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    # Beyond PEP 249

    @property
    def autocommit(self) -> bool:
        """Whether each statement outside BEGIN … COMMIT is a separate transaction."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value and not self._autocommit:
            self.commit()
        self._autocommit = value

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun, even if the server does not know about it yet."""
        return self._transaction is not None

    @property
    def foreign_keys(self) -> bool:
        """Whether the server checks foreign keys; as in SQLite, fixed during a transaction.

        Stored here and sent with each new stream, so it needs no request.
        """
        return self._foreign_keys

    @foreign_keys.setter
    def foreign_keys(self, value: bool) -> None:
        if self._transaction is None and value != self._foreign_keys:
            self._foreign_keys = value
            self._stream.end()

    def is_on(self, switch: str) -> bool:
        """Whether a switch of `pragmas` is on."""
        if switch == FOREIGN_KEYS:
            return self._foreign_keys
        if switch == DEFER_FOREIGN_KEYS and self._transaction is not None:
            return self._transaction.defers_foreign_keys
        return self._switches.get(switch, False)

    def turn(self, switch: str, *, is_on: bool) -> None:
        """Turn a switch of `pragmas` on or off; costs no request."""
        self._check_open()
        if switch == FOREIGN_KEYS:
            self.foreign_keys = is_on
        elif switch == DEFER_FOREIGN_KEYS and self._transaction is not None:
            self._transaction.defers_foreign_keys = is_on
        else:
            self._switches[switch] = is_on

    def release(self) -> None:
        """Close the stream that is kept on the server for the next statement of a burst."""
        if self._transaction is None:
            self._stream.end()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin a transaction, and commit it, or roll it back after an exception."""
        self._begin_explicitly("")
        with self:
            yield

    @property
    def round_trips(self) -> int:
        """The number of requests sent so far."""
        return self._stream.home.requests

    @property
    def waited_seconds(self) -> float:
        """How long the answers to them were waited for."""
        return self._stream.home.waited_seconds

    @property
    def _endpoint(self) -> Endpoint:
        return self._stream.home.endpoint

    # For cursors

    def control(self, statement: Statement) -> None:
        """Begin, end or divide a transaction as requested in SQL.

        Raises:
            OperationalError: not possible in the current state of the transaction.
        """
        self._check_open()
        name = statement.argument
        match statement.kind:
            case Kind.BEGIN:
                self._begin_explicitly(name.upper())
            case Kind.COMMIT:
                self._demand_transaction("commit")
                self.commit()
            case Kind.ROLLBACK:
                self._demand_transaction("rollback")
                self.rollback()
            case Kind.SAVEPOINT:
                self._transaction_for_savepoint().save(name)
            case Kind.RELEASE:
                self._release(name)
            case Kind.ROLLBACK_TO:
                self._transaction_with_savepoint(name).roll_back_to(name)

    def run(
        self, statements: Sequence[StatementRequest], *, is_read: bool
    ) -> list[StatementResult]:
        """Run statements in order, in a single request.

        Outside a transaction, several of them still form one transaction.

        Raises:
            Error: see the table at the top of the module.
        """
        self._check_open()
        if not is_read and self.is_on(QUERY_ONLY):
            raise OperationalError(READ_ONLY)
        self._check_parameters(statements)
        self._read_ahead()
        transaction = self._current_transaction()
        if transaction is not None:
            with self._turn_in(transaction, is_read=is_read):
                if not transaction.is_begun:
                    self._stream.drop_if_idle()
                return self._run_in(transaction, statements, is_read=is_read)
        self._take_deferral()  # it counts for the next transaction, which this statement is
        is_one_read = is_read and len(statements) == 1
        with contextlib.nullcontext() if is_one_read else self._turn.taken():
            self._stream.drop_if_idle()
            return self._run_outside(statements, is_read=is_read)

    def arriving(self, statement: StatementRequest) -> ArrivingRows:
        """Run a statement that reads, and return its rows as they arrive.

        Outside a transaction, it uses a separate network connection.
        """
        self._check_open()
        self._check_parameters([statement])
        self._read_ahead()
        transaction = self._current_transaction()
        if transaction is not None:
            with self._turn_in(transaction, is_read=True):
                return self._arriving_in(transaction, statement)
        self._take_deferral()
        prefix = self._prefix(None)
        steps = [*map(StatementRequest, prefix), statement]
        request = messages.batch(steps, is_begun=False)
        stream = self._stream.sibling()
        try:
            lines = send_alone(
                lambda: stream.lines(request), self._endpoint, is_read=True, is_all_or_nothing=False
            )
            return ArrivingRows(stream.ending_with(lines), len(prefix), self.converters)
        except BaseException:
            stream.abandon()
            raise

    # The state of the transaction

    def _begin_explicitly(self, mode: str) -> None:
        if self._transaction is not None:
            raise OperationalError("cannot start a transaction within a transaction")
        self._transaction = self._new_transaction(f"BEGIN {mode}" if mode else self._begin)

    def _new_transaction(self, begin: str, *, ends_with_savepoints: bool = False) -> Transaction:
        return Transaction(
            begin,
            ends_with_savepoints=ends_with_savepoints,
            defers_foreign_keys=self._take_deferral(),
        )

    def _take_deferral(self) -> bool:
        """Return whether the next transaction defers foreign keys; the one after it does not."""
        return self._switches.pop(DEFER_FOREIGN_KEYS, False)

    def _demand_transaction(self, what: str) -> None:
        if self._transaction is None:
            raise OperationalError(f"cannot {what} - no transaction is active")

    def _current_transaction(self) -> Transaction | None:
        if self._transaction is None and not self._autocommit:
            self._transaction = self._new_transaction(self._begin)
        if self._transaction is not None:
            self._check_not_lost(self._transaction)
        return self._transaction

    def _check_not_lost(self, transaction: Transaction) -> None:
        if transaction.lost is not None:
            raise failures.again(transaction.lost)

    def _transaction_for_savepoint(self) -> Transaction:
        """Return the transaction; as in SQLite, a savepoint begins one where there is none."""
        if self._transaction is None:
            self._transaction = self._new_transaction(
                self._begin, ends_with_savepoints=self._autocommit
            )
        return self._transaction

    def _transaction_with_savepoint(self, name: str) -> Transaction:
        if self._transaction is None:
            raise OperationalError(f"no such savepoint: {name}")
        return self._transaction

    def _release(self, name: str) -> None:
        transaction = self._transaction_with_savepoint(name)
        transaction.release(name)
        if transaction.is_over:
            self.commit()

    def _prefix(self, transaction: Transaction | None) -> list[str]:
        """Return what must go in front of the next statement."""
        prefix: list[str] = []
        if not self._foreign_keys and not self._stream.is_open:
            prefix.append(FOREIGN_KEYS_OFF)
        if transaction is not None:
            prefix += transaction.prefix
        return prefix

    # In a transaction

    @contextlib.contextmanager
    def _turn_in(self, transaction: Transaction, *, is_read: bool) -> Iterator[None]:
        """Wait for a turn where the request takes the write lock; the transaction keeps it."""
        self._turn.take_for(transaction, is_read=is_read)
        try:
            yield
        finally:
            if transaction.is_begun and transaction.lost is None:
                self._turn.hold()
            else:
                self._turn.give_back()

    def _arriving_in(self, transaction: Transaction, statement: StatementRequest) -> ArrivingRows:
        prefix = self._prefix(transaction)
        is_begun = transaction.is_begun
        steps = [*map(StatementRequest, prefix), statement]
        request = messages.batch(steps, is_begun=is_begun)

        def arrive() -> ArrivingRows:
            return ArrivingRows(self._stream.lines(request), len(prefix), self.converters)

        try:
            self._arriving = arrive() if is_begun else with_room(arrive, may_repeat=True)
        except FAILURES as error:
            self._fail_in(transaction, error)
        transaction.sent()
        return self._arriving

    def _run_in(
        self, transaction: Transaction, statements: Sequence[StatementRequest], *, is_read: bool
    ) -> list[StatementResult]:
        prefix = self._prefix(transaction)
        steps = [*map(StatementRequest, prefix), *statements]
        request = messages.batch(steps, is_begun=transaction.is_begun)
        transaction.has_written |= not is_read
        try:
            result = self._send_in(transaction, request, len(prefix))
        except FAILURES as error:
            self._fail_in(transaction, error, is_read=is_read)
        except BaseException as error:  # such as Ctrl-C: nobody knows what the server does now
            transaction.lost = failures.lost(self._endpoint, error)
            self._stream.drop()
            raise
        return self._results_in(transaction, result, len(prefix))

    def _send_in(
        self, transaction: Transaction, request: dict[str, object], before: int
    ) -> BatchResult:
        if transaction.is_begun:
            return self._stream.run_batch(request, close=False)
        # Nothing is lost yet: a server without room is asked again, and a stream that was kept for
        # this and is gone is replaced. If the request was carried out after all, nobody commits it.
        try:
            return with_room(
                lambda: run_from_begin(self._stream, request, before, close=False), may_repeat=True
            )
        except TransactionLost as error:
            if not error.status:  # Hrana's error, not HTTP's: the stream is there
                raise
        return run_from_begin(self._stream, request, before, close=False)

    def _fail_in(
        self, transaction: Transaction, error: Exception, *, is_read: bool = True
    ) -> NoReturn:
        """Raise what a request that failed as a whole means for its transaction."""
        if isinstance(error, DatabaseError) and error.code == messages.TOO_LARGE:
            transaction.sent()
            if not is_read:  # it was executed, and nobody can see what it returned
                transaction.lost = failures.lost(self._endpoint, error)
                raise failures.too_large_in_transaction() from error
            raise error
        if isinstance(error, DatabaseError) and not error.status:
            raise error  # refused before its first step: the stream and the transaction stay
        self._stream.drop()
        # It can still begin: with another stream, and nobody commits what is left on the old one.
        if not transaction.is_begun and isinstance(error, TransportError) and not error.was_sent:
            raise failures.unreachable(self._endpoint, error) from error
        is_answer = isinstance(error, DatabaseError) and not failures.is_server_fault(error)
        if is_answer and not transaction.is_begun:
            raise error
        transaction.lost = failures.lost(self._endpoint, error)
        if isinstance(error, InterfaceError | AccessDenied | DatabaseNotFound | DataError):
            raise error  # says more than that the transaction is lost
        raise transaction.lost

    def _results_in(
        self, transaction: Transaction, result: BatchResult, before: int
    ) -> list[StatementResult]:
        """Return the statements' results; the steps before them were the prefix."""
        step, error = result.first_error()
        if error is None and None in result.step_results:  # the guard found no open transaction
            error = failures.ended()
        if isinstance(error, TransactionLost):
            transaction.lost = error
            self._stream.end()
        elif error is None or step >= before:  # an error of a statement leaves the prefix done
            transaction.sent()
        if error is not None:
            raise error
        return result.completed(before, len(result.step_results))

    def _commit(self, transaction: Transaction) -> None:
        if transaction.has_written and self._stream.is_doubtful:
            self._run_in(transaction, [LOOK], is_read=True)
        # A COMMIT that a deferred constraint refuses leaves the transaction open, with its lock:
        # the same request rolls it back.
        steps = [*map(StatementRequest, transaction.prefix), StatementRequest("COMMIT")]
        request = messages.batch(steps, is_begun=True, finally_rollback=True)
        try:
            result = self._stream.run_batch(request, close=self._closes)
            check_done(result, len(steps) - 1, is_guarded=True)
        except FAILURES as error:
            self._fail_commit(transaction, error)

    def _fail_commit(self, transaction: Transaction, error: Exception) -> None:
        """Raise what it means that a COMMIT was not confirmed; return if it means nothing."""
        was_not_done = failures.was_not_done(error)
        if was_not_done and isinstance(error, DatabaseError):
            raise error  # says more than that the transaction is lost
        if was_not_done or (transaction.has_written and self._stream.is_undone):
            raise failures.lost(self._endpoint, error)
        if transaction.has_written:
            raise failures.unknown(self._endpoint, error, "COMMIT") from error
        self._stream.drop()

    def _run_outside(
        self, statements: Sequence[StatementRequest], *, is_read: bool
    ) -> list[StatementResult]:
        prefix = self._prefix(None)
        try:
            return run_alone(self._stream, prefix, statements, is_read=is_read, close=self._closes)
        except (DataError, InterfaceError, OutcomeUnknown):
            # The next statement must not run within what this one may have left open.
            self._stream.end()
            raise

    @property
    def _closes(self) -> bool:
        """Whether a stream ends with the statement or the COMMIT that is sent now."""
        return not (self._foreign_keys and self._stream.is_in_burst)

    # Results that arrive in parts

    def _read_ahead(self) -> None:
        """Take what is still arriving on the transaction's stream out of the way."""
        arriving, self._arriving = self._arriving, None
        if arriving is not None:
            try:
                arriving.read_ahead()
            except TransportError as error:
                self._lose(error)

    def _lose(self, error: TransportError) -> NoReturn:
        self._stream.drop()
        lost = failures.lost(self._endpoint, error)
        if self._transaction is not None:
            self._transaction.lost = lost
        raise lost from error

    def _abandon_reading(self) -> None:
        if self._arriving is not None and not self._arriving.is_complete:
            self._stream.home.close()  # its answer would be taken for the next one's
        self._arriving = None

    def _check_open(self) -> None:
        if self.closed:
            raise ProgrammingError("Cannot operate on a closed database.")
