"""Hrana 3 messages over HTTP, as JSON: what is asked and what is answered. No sockets here.

Answers are checked against these types while they are decoded: what does not fit is refused, never
guessed at.

Source: Hrana 3 specification, "Messages" and "Hrana over HTTP"; `replication_index` is the
server's own addition.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct, field

from django_hrana.driver.errors import DatabaseError, InterfaceError, from_server
from django_hrana.driver.values import Cell, Column

__all__ = [
    "TOO_LARGE",
    "BatchResult",
    "CursorError",
    "CursorHead",
    "CursorRow",
    "CursorStepBegin",
    "CursorStepEnd",
    "CursorStepError",
    "NamedArgument",
    "PipelineResponse",
    "ServerError",
    "StatementRequest",
    "StatementResult",
    "batch",
    "cursor_request",
    "decode_cursor_line",
    "decode_pipeline",
    "describe_failure",
    "execute",
    "pipeline",
]

CLOSE: Final = {"type": "close"}
# After it has taken a transaction away the server goes on in autocommit, and a statement that was
# meant for the transaction would be stored for good. With this condition it is skipped.
IN_TRANSACTION: Final = {"type": "not", "cond": {"type": "is_autocommit"}}
TOO_LARGE: Final = "RESPONSE_TOO_LARGE"  # code for a result of more than 10 MB; it was executed
MAX_SHOWN: Final = 300  # characters of an answer that is repeated in a message


class NamedArgument(Struct):
    """A parameter with a name."""

    name: str
    value: Cell


class StatementRequest(Struct, omit_defaults=True):
    """A statement to run."""

    sql: str
    args: Sequence[Cell] = field(default_factory=list)
    named_args: Sequence[NamedArgument] = field(default_factory=list)
    replication_index: str | None = None


class ServerError(Struct):
    """Why the server refused a statement."""

    message: str
    code: str | None = None


# 64 bits with a sign: as text by the specification, as a number from sqld's cursors.
RowNumber = (
    Annotated[str, Meta(pattern="^-?[0-9]{1,19}$")]
    | Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
)
# The number of a state is a u64, sent as text or as a number.
StateNumber = Annotated[str, Meta(pattern="^[0-9]{1,20}$")] | Annotated[int, Meta(ge=0)]


class StatementResult(Struct):
    """What a statement gave."""

    cols: list[Column]
    # Tuples, not lists: what holds nothing but cells, the garbage collector then no longer visits.
    rows: list[tuple[Cell, ...]]
    affected_row_count: int = 0
    last_insert_rowid: RowNumber | None = None
    replication_index: StateNumber | None = None


class BatchResult(Struct):
    """What the steps of a batch gave; a step that was not run has neither result nor error."""

    step_results: list[StatementResult | None]
    step_errors: list[ServerError | None]
    replication_index: StateNumber | None = None

    def check_shape(self, count: int) -> None:
        """Check that it speaks of `count` steps, and of none as both done and refused.

        Raises:
            InterfaceError: it does not.
        """
        if not len(self.step_results) == len(self.step_errors) == count:
            raise InterfaceError(NOT_HRANA)
        for result, error in zip(self.step_results, self.step_errors, strict=True):
            if result is not None and error is not None:
                raise InterfaceError(NOT_HRANA)

    def first_error(self) -> tuple[int, DatabaseError | None]:
        """Return the first step that failed, and why; without one, the number of steps."""
        for step, error in enumerate(self.step_errors):
            if error is not None:
                return step, from_server(error.message, error.code)
        return len(self.step_errors), None

    def completed(self, start: int, end: int) -> list[StatementResult]:
        """Return the results of the steps from `start` to before `end` that were run."""
        return [result for result in self.step_results[start:end] if result is not None]


class ExecuteAnswer(Struct, tag_field="type", tag="execute"):
    result: StatementResult


class BatchAnswer(Struct, tag_field="type", tag="batch"):
    result: BatchResult


class CloseAnswer(Struct, tag_field="type", tag="close"):
    pass


class Ok(Struct, tag_field="type", tag="ok"):
    response: ExecuteAnswer | BatchAnswer | CloseAnswer


class Failed(Struct, tag_field="type", tag="error"):
    error: ServerError


class PipelineResponse(Struct):
    """The answer to a pipeline: one result for each request."""

    baton: str | None
    results: list[Ok | Failed]
    base_url: str | None = None


class CursorHead(Struct):
    """The first line of a cursor's answer."""

    baton: str | None
    base_url: str | None = None


class CursorStepBegin(Struct, tag_field="type", tag="step_begin"):
    """A step gives rows from here on."""

    step: int
    cols: list[Column]


class CursorStepEnd(Struct, tag_field="type", tag="step_end"):
    """The step is done."""

    affected_row_count: int = 0
    last_insert_rowid: RowNumber | None = None


class CursorStepError(Struct, tag_field="type", tag="step_error"):
    """The step failed."""

    step: int
    error: ServerError


class CursorRow(Struct, tag_field="type", tag="row"):
    """A row of the step that began last."""

    row: tuple[Cell, ...]


class CursorError(Struct, tag_field="type", tag="error"):
    """The whole batch failed."""

    error: ServerError


class CursorOther(Struct):
    """An entry that is not in the specification, such as the server's own `replication_index`.

    It is skipped, as the specification asks for with fields that it does not know.
    """

    type: str


CursorEntry = CursorStepBegin | CursorStepEnd | CursorStepError | CursorRow | CursorError
CURSOR_TYPES: Final = frozenset(kind.__struct_config__.tag for kind in get_args(CursorEntry))

ENCODER: Final = msgspec.json.Encoder()
PIPELINE: Final = msgspec.json.Decoder(PipelineResponse)
HEAD: Final = msgspec.json.Decoder(CursorHead)
ENTRY: Final = msgspec.json.Decoder(CursorEntry)
OTHER_ENTRY: Final = msgspec.json.Decoder(CursorOther)
NOT_HRANA: Final = (
    "the server's response is not Hrana 3: check that the URL points to a libSQL server, and "
    "that nothing in between responds instead"
)


def execute(statement: StatementRequest) -> dict[str, Any]:
    """Return the request that runs one statement."""
    return {"type": "execute", "stmt": statement}


def batch(
    statements: Sequence[StatementRequest],
    *,
    is_begun: bool,
    finally_rollback: bool = False,
) -> dict[str, Any]:
    """Return the request that runs statements one after the other, until the first that fails.

    Args:
        statements: what to run.
        is_begun: there is a transaction, and nothing may run outside of it: each step asks
            whether it is still open, for the server can have taken it away.
        finally_rollback: whatever is still open after the last one is rolled back.
    """
    steps: list[dict[str, Any]] = []
    for number, statement in enumerate(statements):
        conditions: list[dict[str, Any]] = []
        if number > 0:
            conditions.append({"type": "ok", "step": number - 1})
        if is_begun:
            conditions.append(IN_TRANSACTION)
        step: dict[str, Any] = {"stmt": statement}
        if len(conditions) == 1:
            step["condition"] = conditions[0]
        elif conditions:
            step["condition"] = {"type": "and", "conds": conditions}
        steps.append(step)
    if finally_rollback:
        steps.append({"stmt": StatementRequest("ROLLBACK"), "condition": IN_TRANSACTION})
    return {"type": "batch", "batch": {"steps": steps}}


def pipeline(baton: str | None, requests: Iterable[dict[str, Any]]) -> bytes:
    """Return the body of a request to /v3/pipeline."""
    return ENCODER.encode({"baton": baton, "requests": list(requests)})


def cursor_request(baton: str | None, request: dict[str, object]) -> bytes:
    """Return the body of a request to /v3/cursor, for a batch."""
    return ENCODER.encode({"baton": baton, "batch": request["batch"]})


def decode_pipeline(body: bytes, expected: int) -> PipelineResponse:
    """Return a pipeline's answer.

    Raises:
        InterfaceError: it is not Hrana, or has not `expected` results.
    """
    try:
        response = PIPELINE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InterfaceError(NOT_HRANA) from error
    if len(response.results) != expected:
        raise InterfaceError(NOT_HRANA)
    return response


def decode_cursor_line(line: bytes, *, is_head: bool = False) -> Any:
    """Return one line of a cursor's answer: its head, or an entry.

    Raises:
        InterfaceError: it is not Hrana.
    """
    decoder: msgspec.json.Decoder[Any] = HEAD if is_head else ENTRY
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        other = None if is_head else _decode_other(line)
        if other is None:
            raise InterfaceError(NOT_HRANA) from error
        return other


def _decode_other(line: bytes) -> CursorOther | None:
    """Return an entry of a type that the specification does not have, else None."""
    try:
        entry = OTHER_ENTRY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return entry if entry.type not in CURSOR_TYPES else None


def describe_failure(body: bytes) -> tuple[str, str]:
    """Return what an HTTP error says and its code, which is often empty.

    The server has three shapes for it: {"message", "code"}, {"error"} and plain text.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text[:MAX_SHOWN], ""
    if not isinstance(content, dict):
        return text[:MAX_SHOWN], ""
    message = content.get("message") or content.get("error") or ""
    return str(message)[:MAX_SHOWN], str(content.get("code") or "")
