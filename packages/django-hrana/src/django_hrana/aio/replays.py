"""Runs synchronous code of Django's with statements that are awaited: by running it again.

A method such as `QuerySet.get` compiles a query, runs it and works on the rows, all in one call
that cannot wait. So it is called once to see what it asks for, and stopped there; that is awaited;
and then it is called again with the answer at hand. What it does is Django's own code, down to its
errors. This needs code that does nothing to the world before its statement but compile it; it is
true of all that is run here.

No statement is ever sent a second time: what was answered is at hand in each later call.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from itertools import islice
from typing import Any, Final, Self, TypeVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError

from django_hrana import driver
from django_hrana.aio.connections import run_statement
from django_hrana.base import DatabaseWrapper
from django_hrana.driver.messages import TOO_LARGE

__all__ = ["Replay", "UseThreadError", "execute_compiled", "find_replay"]

Result = TypeVar("Result")
Row = tuple[Any, ...]


class UseThreadError(Exception):
    """This cannot be done here, and nothing was written: Django's own way, in a thread, can."""


class _Wanted(BaseException):
    """The code has come to something that must be awaited.

    Not an Exception, so that nobody on the way takes it for a failure.

    Attributes:
        awaited: returns what to wait for.
    """

    def __init__(self, awaited: Callable[[], Awaitable[Any]]) -> None:
        super().__init__()
        self.awaited = awaited


class _Answer:
    """What a statement gave, to be read by each call."""

    def __init__(self, cursor: driver.Cursor) -> None:
        self.description = cursor.description
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid
        self.rows = cursor.fetchall()


class _ReplayCursor:
    """What Django takes for a cursor."""

    def __init__(self, replay: "Replay") -> None:
        self._replay = replay
        self._rows: Iterator[Row] = iter(())
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, params: Any = None) -> None:
        """Take the answer, or stop here to wait for it."""
        answer: _Answer = self._replay.demand(lambda: self._replay.run_statement(sql, params))
        self.description, self.rowcount = answer.description, answer.rowcount
        self.lastrowid = answer.lastrowid
        self._rows = iter(answer.rows)

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Row]:
        """Return the next `size` rows."""
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Row]:
        """Return all remaining rows."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


class Replay:
    """One method that is called until all that it asks for is at hand."""

    def __init__(self, wrapper: DatabaseWrapper, *, is_write: bool = False) -> None:
        """Nothing is called yet.

        Args:
            wrapper: Django's connection in this thread, which is not opened.
            is_write: the method writes, by its only statement: from there on, there is no other
                way than this one.
        """
        self.wrapper = wrapper
        self._is_write = is_write
        self._was_sent = False
        self._answers: list[Any] = []
        self._position = 0

    async def run(self, method: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call the method until it returns.

        Raises:
            UseThreadError: it must be called in a thread.
            Exception: what the method, or its statement, raises.
        """
        while True:
            try:
                with self._answering():
                    return method(*args, **kwargs)
            except _Wanted as wanted:
                awaited = wanted.awaited
            except SynchronousOnlyOperation as error:
                if self._was_sent:
                    raise
                raise UseThreadError from error
            self._answers.append(await awaited())

    def demand(self, awaited: Callable[[], Awaitable[Any]]) -> Any:
        """Return what was awaited, in the order of the demands; stop the call where it was not."""
        if self._position == len(self._answers):
            raise _Wanted(awaited)
        self._position += 1
        return self._answers[self._position - 1]

    async def run_statement(self, sql: str, parameters: Any) -> _Answer:
        """Send a statement; return what it gave."""
        if self._was_sent:
            raise RuntimeError("a method that should write once wanted to do so twice")
        self._was_sent = self._is_write
        try:
            return _Answer(await run_statement(self.wrapper, sql, parameters))
        except DatabaseError as error:
            if not self._is_write and getattr(error.__cause__, "code", "") == TOO_LARGE:
                # Beyond 10 MB a result arrives in parts, which only a thread can wait for.
                raise UseThreadError from error
            raise

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Answer, instead of the connection, whatever is asked until the end of a call."""
        attributes = vars(self.wrapper)
        before = {name: attributes[name] for name in CURSORS if name in attributes}
        for name in CURSORS:
            attributes[name] = lambda: _ReplayCursor(self)
        self._position = 0
        token = CURRENT.set(self)
        try:
            yield
        finally:
            CURRENT.reset(token)
            for name in CURSORS:
                del attributes[name]
            attributes.update(before)


CURSORS: Final[tuple[str, ...]] = ("chunked_cursor", "cursor")
CURRENT: Final[ContextVar[Replay | None]] = ContextVar("django_hrana_replay", default=None)


def find_replay() -> Replay | None:
    """Return the replay that calls this code, if one does."""
    return CURRENT.get()


async def execute_compiled(
    wrapper: DatabaseWrapper, compiler: Any, *args: Any, is_write: bool = False
) -> Any:
    """Do as `compiler.execute_sql(*args)`; the query is compiled once.

    Not only for speed: fields such as `auto_now` get a new value each time that an INSERT is
    compiled.

    Raises:
        UseThreadError: it must be done in a thread.
        django.db.Error: as `execute_sql`.
    """
    compile_query = compiler.as_sql
    compiled: list[Any] = []

    def compile_once(*options: Any, **named: Any) -> Any:
        if options or named:
            return compile_query(*options, **named)
        if not compiled:
            compiled.append(compile_query())
        return compiled[0]

    compiler.as_sql = compile_once
    return await Replay(wrapper, is_write=is_write).run(compiler.execute_sql, *args)
