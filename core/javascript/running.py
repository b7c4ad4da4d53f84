"""Programs run in workers of `core.bounded`; what became of one as a value or an error."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from core import bounded
from core.javascript.errors import JavaScriptError, LimitError, NotAvailableError, ThrownError
from core.javascript.inside import MEGABYTES, SECONDS
from core.javascript.program import Program, Returned
from core.language import gettext as _

__all__ = ["run", "run_async"]

FUNCTION: Final = "core.javascript.inside:run"


def run(program: Program, arguments: Sequence[object] = ()) -> Returned:
    """Return what a program returns, once all its promises are kept.

    Args:
        program: what is called.
        arguments: values that JSON has; numbers that are none are given as null.

    Raises:
        JavaScriptError: it has no result; says why.
    """
    try:
        outcome = bounded.call(FUNCTION, _fields(program), _write(arguments))
    except bounded.BoundedError as error:
        raise _not_back(error) from error
    return _read(outcome)


async def run_async(program: Program, arguments: Sequence[object] = ()) -> Returned:
    """Return what `run` returns, and let others work meanwhile.

    Raises:
        JavaScriptError: it has no result; says why.
    """
    try:
        outcome = await bounded.call_async(FUNCTION, _fields(program), _write(arguments))
    except bounded.BoundedError as error:
        raise _not_back(error) from error
    return _read(outcome)


def _fields(program: Program) -> dict[str, Any]:
    # Plain data: a worker needs none of our classes to read it.
    return {
        "kind": str(program.kind),
        "source": program.source,
        "parameters": list(program.parameters),
        "exports": list(program.exports),
        "files": dict(program.files),
        "environment": dict(program.environment),
        "gets_process": program.gets_process,
    }


def _write(arguments: Sequence[object]) -> str:
    try:
        return json.dumps(list(arguments), allow_nan=False, default=str)
    except ValueError:
        return json.dumps([_finite(argument) for argument in arguments], default=str)
    except RecursionError:
        raise LimitError(_("the arguments of the program are nested too deeply")) from None


def _finite(value: object) -> object:
    """Return a value without the numbers that JSON does not have, as JSON.stringify writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def _not_back(error: bounded.BoundedError) -> JavaScriptError:
    return LimitError(_("the program %(error)s") % {"error": error})


def _read(outcome: Mapping[str, Any]) -> Returned:
    """Return the value of an outcome.

    Raises:
        JavaScriptError: there is none.
    """
    state = outcome["state"]
    missing = outcome.get("missing")
    if missing:
        # Also where the program caught the error: it did something else than in Node.js.
        what = str(missing[0])
        message = _("%(what)s is not available in the JavaScript sandbox") % {"what": what}
        raise NotAvailableError(what, message)
    if state == "done":
        try:
            value = json.loads(outcome["text"])
        except RecursionError:
            raise LimitError(_("the program's result is nested too deeply")) from None
        lines = tuple(outcome["lines"])
        return Returned(type=outcome["type"], value=value, lines=lines)
    if state == "failed":
        raise _failure(outcome)
    raise LimitError(_limit(state, outcome))


def _limit(state: str, outcome: Mapping[str, Any]) -> str:
    if state == "time":
        return _("the program took longer than %(seconds)g s of CPU time") % {"seconds": SECONDS}
    if state == "memory":
        return _("the program needed more than %(megabytes)d MB of memory") % {
            "megabytes": MEGABYTES
        }
    if state == "large":
        return _("the program's result is too large: %(length)s characters as JSON") % {
            "length": f"{outcome['length']:,}"
        }
    return _("the program waits for a promise that nothing keeps")


def _failure(outcome: Mapping[str, Any]) -> JavaScriptError:
    name, message = str(outcome["name"]), str(outcome["message"])
    line = outcome["line"]
    stack = str(outcome["stack"]).strip()
    return ThrownError(name, message, stack=stack, file=str(outcome["file"]), line=line)
