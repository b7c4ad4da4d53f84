"""The server's limits by the numbers that SQLite gives them, as `sqlite3.Connection` has them.

Django asks for two of them. They are known, not asked for: measured with sqld 0.24.32.

Source: https://www.sqlite.org/c3ref/c_limit_attached.html
"""

from collections.abc import Iterable
from typing import Final

from django_hrana.driver.errors import DataError, ProgrammingError
from django_hrana.driver.messages import StatementRequest

__all__ = ["MAX_PARAMETERS", "VARIABLE_NUMBER", "HasSqliteLimits"]

MAX_PARAMETERS: Final = 32_766
COLUMN: Final = 2
EXPRESSION_DEPTH: Final = 3
COMPOUND_SELECT: Final = 4
FUNCTION_ARGUMENTS: Final = 6
VARIABLE_NUMBER: Final = 9
SERVER: Final = {
    COLUMN: 2000,
    EXPRESSION_DEPTH: 1000,
    COMPOUND_SELECT: 500,
    FUNCTION_ARGUMENTS: 127,
    VARIABLE_NUMBER: MAX_PARAMETERS,
}


class HasSqliteLimits:
    """A connection with limits of its own, at most the server's.

    The server hears nothing of a lower limit. That of parameters is watched here; the others are
    only remembered, for whoever plans statements by them.
    """

    def __init__(self) -> None:
        """Begin with the server's."""
        self._limits = dict(SERVER)

    def getlimit(self, category: int, /) -> int:
        """Return a limit, by SQLite's number for it, such as `sqlite3.SQLITE_LIMIT_COLUMN`.

        Raises:
            ProgrammingError: it is not known what the server's limit of that number is.
        """
        if category not in self._limits:
            numbers = ", ".join(map(str, sorted(SERVER)))
            raise ProgrammingError(f"'category' is out of bounds: {category} is none of {numbers}")
        return self._limits[category]

    def setlimit(self, category: int, limit: int, /) -> int:
        """Lower a limit, or raise it again, to the server's at most; return what it was.

        A negative number changes nothing, as in SQLite.

        Raises:
            ProgrammingError: as above.
        """
        before = self.getlimit(category)
        if limit >= 0:
            self._limits[category] = min(limit, SERVER[category])
        return before

    def _check_parameters(self, statements: Iterable[StatementRequest]) -> None:
        """Refuse what has more parameters than a lower limit allows.

        Raises:
            DataError: a statement has too many; nothing was sent.
        """
        most = self._limits[VARIABLE_NUMBER]
        if most == MAX_PARAMETERS:
            return  # the server says it, in the same words
        for statement in statements:
            count = len(statement.args) + len(statement.named_args)
            if count > most:
                raise DataError(f"too many SQL variables: {count}, and the limit set is {most}")
