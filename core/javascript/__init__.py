"""JavaScript of strangers, run in a sandbox: no files, no network, no host, limits on everything.

    program = Program(kind=Kind.BODY, source="return a + b", parameters=("a", "b"))
    run(program, [1, 2]).value                       # 3
    await run_async(program, [1, 2])                 # the same, others work meanwhile

Each program runs in an engine (QuickJS) of its own in a worker of `core.bounded`, so that it can
neither see another one nor outlive its limits (docs/decisions/0039). It finds ECMAScript, a console
that is kept, timers that do not wait, `process.env` with named variables, `require` and `import` of
the files that it brings, and small forms of Node.js's assert, buffer, crypto, path, url and util.
Whatever else it wants is named in the error. Plain Python: nothing here knows Django or promptfoo.

    __init__ ─▶ running (workers, values, errors) ─▶ inside (the engine) ─▶ modules ─▶ scanning
                                                     runtime/*.js (what a program finds)
"""

from core.javascript.errors import JavaScriptError, LimitError, NotAvailableError, ThrownError
from core.javascript.modules import collect_files, list_references
from core.javascript.program import Kind, Program, Returned
from core.javascript.running import run, run_async

__all__ = [
    "JavaScriptError",
    "Kind",
    "LimitError",
    "NotAvailableError",
    "Program",
    "Returned",
    "ThrownError",
    "collect_files",
    "list_references",
    "run",
    "run_async",
]
