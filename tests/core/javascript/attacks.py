"""Programs that want to harm: to stay for ever, to take everything, to get out, to meet others."""

from typing import Final

from core.javascript import Kind, LimitError, NotAvailableError, Program, ThrownError

__all__ = ["ATTACKS", "HARMLESS"]

Ending = type[Exception] | object
"""The error that a program ends with, or what it returns."""

ESCAPE: Final = "Function('return this')()"

# Name, body, and how it has to end. What a program may return is what it found: nothing of ours.
ATTACKS: Final[tuple[tuple[str, str, Ending], ...]] = (
    # Time.
    ("a loop", "while (true);", LimitError),
    ("a loop that catches", "while (true) try { while (true); } catch {}", LimitError),
    ("a loop in finally", "try { while (true); } finally { while (true); }", LimitError),
    (
        "a loop of promises",
        "function f() { return Promise.resolve().then(f) } return f()",
        LimitError,
    ),
    (
        "jobs that make jobs",
        "(function f() { queueMicrotask(f); queueMicrotask(f) })()",
        LimitError,
    ),
    (
        "a loop of timers",
        "return new Promise(() => (function f() { setTimeout(f) })())",
        LimitError,
    ),
    ("an interval for ever", "return new Promise(() => setInterval(() => {}, 1))", LimitError),
    ("a promise that settles never", "return new Promise(() => {})", LimitError),
    ("a thenable that answers never", "return { then() {} }", LimitError),
    ("a thenable for ever", "const t = { then(f) { f(t) } }; return t", LimitError),
    ("an endless generator", "return [...(function* () { for (;;) yield 1 })()]", LimitError),
    (
        "an endless iterator",
        "return Array.from({ [Symbol.iterator]: () => ({ next: () => ({}) }) })",
        LimitError,
    ),
    ("sleep by spinning", "const end = Date.now() + 1e9; while (Date.now() < end);", LimitError),
    (
        "sleep by Atomics",
        "return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        ThrownError,
    ),
    # Native functions, which do not look at the clock.
    ("an expression that goes back", "return /^(a+)+$/.test('a'.repeat(40) + 'b')", LimitError),
    ("an expression with many ways", "return /(x+x+)+y/.exec('x'.repeat(60))", LimitError),
    ("indexOf in a long text", "return 'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')", LimitError),
    (
        "JSON of shared lists",
        "let a = []; for (let i = 0; i < 40; i++) a = [a, a]; return a",
        LimitError,
    ),
    ("a huge power", "return String(7n ** (7n ** 9n))", ThrownError),
    ("a factorial", "let n = 1n; for (let i = 1n; ; i++) n *= i; return n", LimitError),
    ("join of a hole", "const a = []; a.length = 4e9; return a.join('x')", LimitError),
    ("sort with a loop", "return Array(1e6).fill(1).sort(() => { for (;;); })", LimitError),
    ("replace with itself", "let t = 'aa'; for (;;) t = t.replaceAll('a', 'aa')", LimitError),
    # Memory.
    ("texts that double", "let t = 'x'; for (;;) t += t", ThrownError),
    ("lists that grow", "const a = []; for (;;) a.push('x'.repeat(1e5) + a.length)", LimitError),
    ("bytes", "return new Uint8Array(1e9).length", LimitError),
    ("a long text at once", "return 'x'.padEnd(3e8).length", LimitError),
    ("closures", "let f = () => 1; for (;;) { const g = f; f = () => g }", LimitError),
    # Depth.
    ("recursion", "return (function f() { return f() })()", ThrownError),
    ("recursion by getters", "const o = { get a() { return this.a } }; return o.a", ThrownError),
    ("nested source", "return eval('['.repeat(1e5) + ']'.repeat(1e5))", ThrownError),
    ("a deep result", "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a", ThrownError),
    ("a circle", "const a = {}; a.a = a; return a", ThrownError),
    # Results and errors that are programs themselves.
    ("a result with toJSON", "return { toJSON() { for (;;); } }", LimitError),
    ("a result with a getter", "return { get a() { for (;;); } }", LimitError),
    ("a huge result", "return 'x'.repeat(2e6)", LimitError),
    ("an error whose message loops", "throw { get message() { for (;;); } }", LimitError),
    ("an error that throws", "throw { get name() { throw this } }", ThrownError),
    ("a huge error", "throw new Error('x'.repeat(1e6))", ThrownError),
    ("nothing thrown", "throw undefined", ThrownError),
    ("many lines", "for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1", 1),
    # Out of the sandbox.
    ("the engine's modules", "return import('os').then((os) => os.exec(['id']))", ThrownError),
    ("a file as a module", "return import('/etc/passwd')", ThrownError),
    (
        "fs",
        "return process.mainModule.require('fs').readFileSync('/etc/passwd')",
        NotAvailableError,
    ),
    (
        "a process",
        "return process.mainModule.require('child_process').execSync('id')",
        NotAvailableError,
    ),
    ("the network", "return fetch('http://127.0.0.1/').then((r) => r.text())", NotAvailableError),
    ("our environment", "return Object.keys(process.env).length", 0),
    ("the constructor", f"return typeof {ESCAPE}.std + typeof {ESCAPE}.os", "undefinedundefined"),
    ("a binding", "return typeof process.binding + typeof process.dlopen", "undefinedundefined"),
    ("the end of the process", "process.exit(0)", NotAvailableError),
    ("a parent folder", "return process.mainModule.require('../../etc/passwd')", ThrownError),
    # What others would meet.
    ("prototypes", "Array.prototype.join = Object.prototype.toString = () => 'mine'; return 1", 1),
    ("JSON replaced", 'JSON.stringify = () => \'{"state": "done"}\'; return 2', 2),
    ("Promise replaced", "globalThis.Promise = class { then() {} }; return 3", 3),
    ("a global", "globalThis.secret = 'mine'; Object.prototype.secret = 'mine'; return 4", 4),
    (
        "setters on everything",
        "Object.defineProperty(Object.prototype, 'state', { set() {} }); return 5",
        5,
    ),
    (
        "an outcome of its own",
        "Object.prototype.missing = ['x']; Object.prototype.toJSON = () => 1; return 6",
        6,
    ),
)

HARMLESS: Final = Program(
    kind=Kind.BODY,
    source="return [typeof secret, [1, 2].join(), String({}), typeof ({}).secret, values.length]",
    parameters=("values",),
)
"""What another case finds: nothing of the one before."""
