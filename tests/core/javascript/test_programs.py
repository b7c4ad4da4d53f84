# ruff: noqa: E501 (programs in tables, a line each)
"""Programs and what they return: values, promises, modules, and what stands in for Node.js."""

import asyncio
import hashlib
import hmac
import math

import pytest

from core.javascript import (
    JavaScriptError,
    Kind,
    LimitError,
    NotAvailableError,
    Program,
    ThrownError,
    collect_files,
    run,
    run_async,
)


def body(source: str, *arguments: object, names: tuple[str, ...] = ("a", "b")) -> object:
    return run(Program(kind=Kind.BODY, source=source, parameters=names), arguments).value


def module(files: dict[str, str], entry: str, *arguments: object, exports=("",)) -> object:
    program = Program(kind=Kind.MODULE, source=entry, files=files, exports=exports)
    return run(program, arguments).value


@pytest.mark.parametrize(
    ("source", "kind", "value"),
    [
        ("return true", "boolean", True),
        ("return 1.5", "number", 1.5),
        ("return NaN", "number", "NaN"),
        ("return -Infinity", "number", "-Infinity"),
        ("return 10n", "bigint", "10"),
        ("return 'é\\ud800'", "string", "é\ud800"),
        ("return null", "null", None),
        ("return undefined", "undefined", None),
        ("return () => 1", "function", None),
        (
            "return [1, undefined, {a: undefined, b: new Date(0)}]",
            "object",
            [1, None, {"b": "1970-01-01T00:00:00.000Z"}],
        ),
        ("return Promise.resolve(Promise.resolve(3))", "number", 3),
        ("return (async () => { await null; return 4 })()", "number", 4),
        ("return { then: (done) => done(5) }", "number", 5),
        ("return new Promise((done) => setTimeout(done, 1e6, 6))", "number", 6),
        (
            "let n = 0; return new Promise((done) => { const t = setInterval(() => { n++; if (n > 3) { clearInterval(t); done(n) } }, 9) })",
            "number",
            4,
        ),
        (
            "return new Promise((done) => { const l = []; setTimeout(() => l.push(2), 20); setTimeout(() => l.push(1), 10); setTimeout(done, 30, l) })",
            "object",
            [1, 2],
        ),
    ],
)
def test_values(source: str, kind: str, value: object) -> None:
    returned = run(Program(kind=Kind.BODY, source=source))
    assert (returned.type, returned.value) == (kind, value)


def test_arguments() -> None:
    values = [{"a": [1, "é\u2028", None]}, math.inf]
    assert body("return [a, b]", *values) == [{"a": [1, "é\u2028", None]}, None]


def test_numbers_that_json_has_not_inside_of_values() -> None:
    assert body("return a", {"x": [math.nan, 1.0, (2,)]}) == {"x": [None, 1.0, [2]]}


def test_arguments_that_are_too_deep() -> None:
    value: list[object] = []
    for _number in range(100_000):
        value = [value]
    with pytest.raises(LimitError, match="nested too deeply"):
        body("return 1", value)


def test_run_async() -> None:
    program = Program(kind=Kind.BODY, source="return a", parameters=("a",))
    assert asyncio.run(run_async(program, [1])).value == 1
    with pytest.raises(ThrownError, match="x"):
        asyncio.run(run_async(Program(kind=Kind.BODY, source="throw new Error('x')")))
    with pytest.raises(LimitError):
        asyncio.run(
            run_async(Program(kind=Kind.BODY, source="/^(a+)+$/.test('a'.repeat(40) + 'b')"))
        )


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("return new URL('/a/../b?x=1&y=%20z#h', 'http://u:p@Ex.com:80/c').href", "http://u:p@ex.com/b?x=1&y=%20z#h"),
        ("const u = new URL('https://a.b/c'); u.searchParams.append('q', 'x y'); return String(u)", "https://a.b/c?q=x+y"),
        ("return [new URL('https://a.b:8443').origin, URL.canParse('no url'), new URL('../d', 'https://a/b/c/').pathname]", ["https://a.b:8443", False, "/b/d"]),
        ("try { new URL('x') } catch (e) { return e.code }", "ERR_INVALID_URL"),
        ("return Object.fromEntries(new URLSearchParams('a=1&b=%C3%A9+c'))", {"a": "1", "b": "é c"}),
        ("const p = new URLSearchParams({ b: 1, a: '&' }); p.sort(); return p.toString()", "a=%26&b=1"),
        ("const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', 4); p.delete('b'); return [...p]", [["a", "4"]]),
        ("return Buffer.from('aMOpbGxv', 'base64').toString() + Buffer.from('é').toString('hex')", "hélloc3a9"),
        ("return Buffer.concat([Buffer.from('a'), Buffer.from([98])]).toString('base64url')", "YWI"),
        ("return [Buffer.byteLength('é'), Buffer.isBuffer(Buffer.alloc(1))]", [2, True]),
        ("return new TextDecoder().decode(new TextEncoder().encode('é😀\\ud800'))", "é😀\ufffd"),
        ("return new TextDecoder().decode(Uint8Array.of(0xff, 65, 0xe2, 0x82))", "\ufffdA\ufffd"),
        ("const c = { d: new Date(0), m: new Map([[1, 2]]) }; c.c = c; const k = structuredClone(c); return [k.c === k, k.d.getTime(), k.m.get(1), k !== c]", [True, 0, 2, True]),
        ("return (1234567.5).toLocaleString() + (0).toLocaleString('en-US')", "1,234,567.50"),
        ("return ['b', 'A', 'é', 'a', 'C', 'f'].sort((x, y) => x.localeCompare(y))", ["a", "A", "b", "C", "é", "f"]),
        ("const { join, resolve, relative, parse } = process.mainModule.require('node:path'); return [join('a', '..', 'b', './c'), resolve('/a', '../b'), relative('/a/b', '/a/c'), parse('/x/y.tar.gz').name]", ["b/c", "/b", "../c", "y.tar"]),
        ("const util = process.mainModule.require('util'); return util.format('%s %d %j', 'a', 1, [2]) + util.inspect({ a: [1, 'b'] })", "a 1 [2]{ a: [ 1, 'b' ] }"),
        ("const assert = process.mainModule.require('assert'); assert.deepStrictEqual({ a: [1] }, { a: [1] }); assert.throws(() => { throw new TypeError('x') }, TypeError); try { assert.equal(1, 2) } catch (e) { return e.code }", "ERR_ASSERTION"),
        ("return /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/.test(crypto.randomUUID())", True),
        ("return typeof performance.now() + typeof btoa", "numberfunction"),
    ],
)  # fmt: skip
def test_what_node_has(source: str, value: object) -> None:
    assert body(source) == value


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("text", ["", "abc", "é" * 100, "x" * 111])
def test_hashes(name: str, text: str) -> None:
    source = """
        const { createHash, createHmac } = process.mainModule.require('crypto');
        return [createHash(a).update(b).digest('hex'), createHmac(a, 'key').update(b).digest('hex')];
    """
    expected = [
        hashlib.new(name, text.encode()).hexdigest(),
        hmac.new(b"key", text.encode(), name).hexdigest(),
    ]
    assert body(source, name, text) == expected


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("fetch('http://x')", "fetch"),
        ("process.mainModule.require('lodash')", "the module “lodash”"),
        ("const { readFileSync } = process.mainModule.require('fs'); readFileSync('x')", "fs.readFileSync"),
        ("new Intl.NumberFormat('de')", "Intl.NumberFormat"),
        ("new Date(0).toLocaleDateString()", "Date.toLocaleDateString"),
        ("(1).toLocaleString('de')", "toLocaleString with a language"),
        # What a program does instead is not what it does in Node.js.
        ("try { fetch('http://x') } catch { return true }", "fetch"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(source: str, what: str) -> None:
    with pytest.raises(NotAvailableError) as raised:
        body(source)
    assert raised.value.what == what
    assert str(raised.value) == f"{what} is not available in the JavaScript sandbox"


def test_a_module_that_is_loaded_and_not_used() -> None:
    files = {
        "a.js": "const fs = require('fs'); module.exports = () => 1; module.exports.r = () => fs.x()"
    }
    assert module(files, "a.js") == 1


def test_the_environment_and_the_console() -> None:
    program = Program(
        kind=Kind.BODY,
        source="console.log('is', {a: 1}); console.error(process.env.A); return process.env",
        environment={"A": "é"},
    )
    returned = run(program)
    assert returned.value == {"A": "é"}
    assert returned.lines == ('is {"a":1}', "é")


def test_modules_of_every_kind() -> None:
    files = {
        "e.mjs": "import path from 'path'; import * as u from './lib/u.js'\n"
        "import d, {x as y} from './lib/u.js'\nimport j from './d.json' with {type: 'json'};\n"
        "import c from './c'; import './lib/side.js'\n"
        "export default async function (o) {\n"
        "  return [path.join('a', 'b'), u.x, y, d(2), j.k, o, c.f(1), (await import('./lib/u.js')).x,"
        " import.meta.url, globalThis.side]\n}\n",
        "lib/u.js": "export const x = 5, {z: [q = 1]} = {z: []}\nexport default n => n * 2\n"
        "export function f() {}\nexport {x as w}; export * from './more.js'",
        "lib/more.js": "export let more = 1; export class K { import() { return 1 } }",
        "lib/side.js": "globalThis.side = 1",
        "c.cjs": "exports.f = (n) => n + __filename.length",
        "d.json": '{"k": 3}',
    }
    assert module(files, "e.mjs", "out") == [
        *("a/b", 5, 5, 4, 3, "out", 7, 5, "file:///e.mjs", 1)
    ]  # fmt: skip
    assert sorted(collect_files("e.mjs", files.get)) == sorted(files)


@pytest.mark.parametrize(
    ("text", "exports", "value"),
    [
        ("module.exports = (n) => n + 1", ("",), 2),
        ("module.exports = { get_assert: (n) => n + 2 }", ("get_assert",), 3),
        ("exports.default = (n) => n + 3", ("",), 4),
        ("export default (n) => n + 4", ("",), 5),
        ("export default class {} export const f = (n) => n + 5", ("f",), 6),
        ("export async function* g() {} export async function f(n) { return n + 6 }", ("f",), 7),
        ("const f = (n) => n + 7\nexport { f as default }", ("named", ""), 8),
        ("export const a = 1, b = /[,;/]export/.source\nexport let f = (n) => a + b.length", ("f",), 12),
        ("export default { f: (n) => n + 9 }", ("f",), 10),
        ("const t = `a ${`b ${'}'}`} export const x = 1`; export const f = (n) => n / 2 / 1", ("f",), 0.5),
        ("let n = 1; export { n }; export function f() { n += 1; return n }", ("f",), 2),
        ("#!/usr/bin/env node\nmodule.exports = () => 11", ("",), 11),
        ("// export default 1\nconst export_ = { export: 1, import: 2 }\nmodule.exports = () => export_.export", ("",), 1),
        ("export default [1, 2]", (), [1, 2]),
        ("module.exports = { a: 1 }", (), {"a": 1}),
    ],
)  # fmt: skip
def test_exports(text: str, exports: tuple[str, ...], value: object) -> None:
    assert module({"a.js": text}, "a.js", 1, exports=exports) == value


def test_modules_that_need_each_other() -> None:
    files = {
        "a.js": "import { b } from './b.js'; export const a = () => 1; export default () => b()",
        "b.js": "import * as all from './a.js'; export const b = () => all.a() + 1",
    }
    assert module(files, "a.js") == 2


@pytest.mark.parametrize(
    ("files", "message", "file", "line"),
    [
        ({"a.js": "\n\nmodule.exports = () => {\n  throw new TypeError('bad') }"}, "TypeError: bad", "a.js", 4),
        ({"a.js": "module.exports = require('./b')", "b.js": "\n\nx.y"}, "ReferenceError: x is not defined", "b.js", 3),
        ({"a.js": "export const f = 1\nexport default {"}, "SyntaxError: ", "a.js", 1),
        ({"a.js": "module.exports = 1"}, "TypeError: the file does not export a function, as its default", "", None),
        ({"a.js": "module.exports = require('./none')"}, "Cannot find module './none'", "a.js", 1),
    ],
)  # fmt: skip
def test_errors_have_a_place(files: dict[str, str], message: str, file: str, line: int) -> None:
    with pytest.raises(ThrownError) as raised:
        module(files, "a.js")
    assert str(raised.value).startswith(message)
    assert (raised.value.file, raised.value.line) == (file, line)


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("\n\n  return a.x.y", "TypeError: cannot read property 'y' of undefined", 3),
        ("return (1", "SyntaxError: Unexpected token '}'", 2),
        ("throw 'a text'", "a text", None),
        ("return Promise.reject(new RangeError('late'))", "RangeError: late", 1),
    ],
)
def test_errors_of_a_body(source: str, message: str, line: int | None) -> None:
    with pytest.raises(ThrownError) as raised:
        body(source, {})
    assert (str(raised.value), raised.value.line) == (message, line)


def test_too_many_files() -> None:
    files = {f"{number}.js": f"require('./{number + 1}.js')" for number in range(100)}
    with pytest.raises(ValueError, match="more than 64 files"):
        collect_files("0.js", files.get)
    with pytest.raises(ValueError, match="more than 1,000,000 characters"):
        collect_files("a.js", {"a.js": "x" * 1_000_001}.get)


def test_every_error_is_one_tree() -> None:
    for kind in (LimitError, NotAvailableError, ThrownError):
        assert issubclass(kind, JavaScriptError)
