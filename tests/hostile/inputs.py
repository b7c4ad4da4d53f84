"""The table of hostile inputs, and a program that tries each in a process of its own.

Each is refused with a sentence or comes to an end: `main` prints for each what came of it, its
processor time and the most memory that it or a worker of it had.
"""

import asyncio
import io
import json
import os
import resource
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

BIG = "zyxwvutsrq" * 90_000
MANY = list(range(19_000))
NEST = [[["x" * 50] * 20] * 20] * 20
VALUES = {
    "big": BIG,
    "many": MANY,
    "nest": NEST,
    "words": "a " * 200_000,
    "pairs": {str(number): number for number in range(5000)},
    "comments": "<!--" * 40_000,
}


def loop(body):
    return "{% for a in many %}" + body + "{% endfor %}"


JINJA = {
    "sort in a loop": loop("{% set y = big|list|sort|join %}"),
    "upper in a loop": loop("{% if big|upper == big %}{% endif %}"),
    "comparison in a loop": loop("{% if nest == nest %}{% endif %}"),
    "search in a loop": loop("{% if 'zzzq' in big %}{% endif %}"),
    "tojson in a loop": loop("{{ nest|tojson|length }}"),
    "replace in a loop": loop("{% set y = big|replace('z', 'yy') %}"),
    "select in a loop": loop("{% set y = many|select('in', many)|list %}"),
    "dictsort in a loop": loop("{% set y = pairs|dictsort %}"),
    "slices in a loop": loop("{% set y = big[::-1] %}"),
    "test in a loop": loop("{% if big is lower %}{% endif %}"),
    "large list in a loop": loop("{% if [" + "a," * 1500 + "] %}{% endif %}"),
    "chain of sorts": "{% set y = big %}" + "{% set y = y|list|sort|join %}" * 300,
    "repetition": "{{ 'a' * 1000000000 }}",
    "range": "{% for a in range(10**9) %}{% endfor %}",
    "many tags": "{{ big }}" * 20_000,
    "chains of filters": ("{{ big" + "|upper" * 18 + " }}") * 1000,
    "open tags": "{{" * 60_000,
}
NUNJUCKS = {
    "striptags of comments": "{{ comments|striptags }}",
    "sort": "{{ big|list|sort|join }}",
    "sort in a loop, Nunjucks": loop("{% set y = big|list|sort %}"),
    "groups in a loop": loop("{% set y = many|groupby('a') %}"),
    "first in a loop": loop("{% set y = big|first %}"),
    "dump in a loop": loop("{% set y = nest|dump %}"),
    "open quotation marks": ("{{ '" + "\\'" * 1900 + " }}") * 33,
    "open tags, Nunjucks": "{%{{{#" * 20_000,
    "raw without end": "{% raw %}" * 14_000,
}


def doubled(levels, **last):
    """Return a schema with as many ways as two to the power of its levels."""
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(levels)}
    return {"definitions": {**steps, f"d{levels}": last}, "$ref": "#/definitions/d0"}


ANSWERS = {
    "contains-html, open tags": ("contains-html", None, "<a " * 333_000),
    "contains-html, one end": ("contains-html", None, "<a " * 333_000 + ">"),
    "is-html, deep": ("is-html", None, "<b>" * 300_000),
    "is-html, reconstructed": (
        "is-html",
        None,
        "".join(f"<b a{n}>" for n in range(3000)) + "<p>x" * 3000,
    ),
    "contains-xml, closes": ("contains-xml", None, "<a>" * 166_000 + "</b>" * 125_000),
    "contains-xml, broken": ("contains-xml", None, "<a>" * 28_000 + "<b" + "</a>" * 28_000),
    "contains-xml, quotation marks": ("contains-xml", None, '<a "' * 100_000),
    "contains-xml, short": ("contains-xml", None, "<a>" * 2_500 + "<b" + "</a>" * 2_500),
    "is-xml, entities": (
        "is-xml",
        None,
        '<!DOCTYPE l [<!ENTITY a "lol">'
        + "".join(f'<!ENTITY a{n} "{"&a;" * 10}">' for n in range(10))
        + "]><l>&a9;</l>",
    ),
    "levenshtein": ("levenshtein", "abcdefghij" * 100_000, "jihgfedcba" * 100_000),
    "rouge-l": ("rouge-l", "a b c d " * 50_000, "d c b a " * 50_000),
    "meteor": (
        "meteor",
        " ".join(f"w{n}" for n in range(20_000)),
        " ".join(f"v{n}" for n in range(20_000)),
    ),
    "bleu": ("bleu", "a b", "a b " * 300_000),
    "f1, expanded": ("f1", "a", "\ufdfa" * 300_000),
    "exact, expanded": ("exact", "a", "\ufdfa" * 19_000),
    "contains-all": ("contains-all", ["x" * 500 + str(n) for n in range(3000)], "x" * 300_000),
    "regex": ("regex", "(a+)+$", "a" * 40 + "!"),
    "regex, a large class": (
        "regex",
        "[" + "".join(chr(0x4E00 + 2 * n) for n in range(9000)) + "]",
        "a",
    ),
    "contains-json, braces": ("contains-json", None, "{" * 1_000_000),
    "is-json, unique": (
        "is-json",
        {"uniqueItems": True},
        json.dumps([{"a": n} for n in range(20_000)]),
    ),
    "is-json, enum": (
        "is-json",
        {"items": {"enum": [{"a": n} for n in range(3000)]}},
        json.dumps([{"a": 2999}] * 3000),
    ),
    "is-json, doubled references": ("is-json", doubled(24), "{}"),
    "is-json, doubled and refused": ("is-json", doubled(24, type="string"), "{}"),
    "is-json, pattern": (
        "is-json",
        {"items": {"pattern": "(a+)+$"}},
        json.dumps(["a" * 40 + "!"] * 50),
    ),
    "is-json, a dialect within": (
        "is-json",
        {
            "items": {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "pattern": "(a+)+$",
            }
        },
        json.dumps(["a" * 40 + "!"] * 50),
    ),
    "is-json, unevaluated": (
        "is-json",
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "unevaluatedProperties": False,
            "allOf": [{"unevaluatedProperties": False, "allOf": [{"allOf": [{}] * 30}] * 30}] * 9,
        },
        json.dumps({str(n): 1 for n in range(50)}),
    ),
}


def workbook(sheet):
    """Return an XLSX file with one sheet."""
    main = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
            'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="'
            f'{main}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="'
            f'{main}.worksheet+xml"/></Types>',
        )
        relations = f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type='
        archive.writestr(
            "_rels/.rels",
            f'{relations}"{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r='
            f'"{kind}"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{relations}"{kind}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        with archive.open("xl/worksheets/sheet1.xml", "w") as part:
            for piece in sheet:
                part.write(piece.encode())
    return file.getvalue()


def sheet(rows, before="", times=1):
    """Yield the XML of a sheet, its rows as often as asked for: all of it is never in memory."""
    head = '<row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c><c r="B1" t="inlineStr">'
    yield (
        f'{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{head}<is><t>content</t></is></c></row>"
    )
    for _time in range(times):
        yield rows
    yield "</sheetData></worksheet>"


def cell(text, row="2"):
    return f'<row r="{row}"><c r="A2" t="inlineStr"><is><t>{text}</t></is></c></row>'


LAUGHS = b"a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)
TABLES = {
    "xlsx, a far row": ("x.xlsx", lambda: workbook(sheet(cell("x", "50000000")))),
    "xlsx, a large cell": ("x.xlsx", lambda: workbook(sheet(cell("x" * 1_000_000), times=100))),
    "xlsx, rows": (
        "x.xlsx",
        lambda: workbook(sheet("<row><c><v>1</v></c></row>" * 1000, times=1000)),
    ),
    "xlsx, entities": (
        "x.xlsx",
        lambda: workbook(sheet(cell("&a;"), '<!DOCTYPE x [<!ENTITY a "lol">]>')),
    ),
    "csv, a large cell": ("x.csv", lambda: b'title,content\nx,"' + b"y" * 15_000_000 + b'"\n'),
    "csv, many columns": ("x.csv", lambda: b",".join(b"c%d" % n for n in range(200_000)) + b"\n"),
    "json, deep": ("x.json", lambda: b"[" * 1_000_000),
    "json, digits": ("x.json", lambda: b'[{"title": "a", "m": ' + b"9" * 1_000_000 + b"}]"),
    "yaml, laughs": ("x.yaml", lambda: LAUGHS),
    "yaml, deep": ("x.yaml", lambda: b"[" * 200_000),
    "yaml, deep blocks": ("x.yaml", lambda: b"- " * 200_000 + b"a"),
}


def product(lists):
    values = "".join(f"    v{n}: [a, b, c, d, e, f, g, h, i, j]\n" for n in range(lists))
    return f"prompts: [x]\ntests:\n- vars:\n{values}".encode()


def tests_file(reference):
    return f"prompts: [x]\ntests: '{reference}'\n".encode()


SUITES = {
    "product of lists": ("s.yaml", lambda: product(7)),
    "product of lists, smaller": ("s.yaml", lambda: product(5)),
    "product of scenarios": (
        "s.yaml",
        lambda: json.dumps(
            {"prompts": ["x"], "scenarios": [{"config": [{}] * 3000, "tests": [{}] * 3000}]}
        ).encode(),
    ),
    "variables in variables": (
        "s.yaml",
        lambda: json.dumps(
            {
                "prompts": ["x"],
                "tests": [
                    {
                        "vars": {"v0": "x" * 10_000}
                        | {f"v{n}": f"{{{{v{n - 1}}}}}" * 5 for n in range(1, 1000)}
                    }
                ],
            }
        ).encode(),
    ),
    "many braces": ("s.yaml", lambda: tests_file("file://" + "{a,b}" * 24 + ".yaml")),
    "a file of the machine": ("s.yaml", lambda: tests_file("file:///etc/passwd")),
    "a folder above": ("s.yaml", lambda: tests_file("file://{.,x}{.,y}/{.,x}{.,y}/etc/pass*")),
    "striptags in an assertion": (
        "s.yaml",
        lambda: json.dumps(
            {
                "prompts": ["x"],
                "tests": [
                    {
                        "vars": {"x": "<!--" * 40_000},
                        "assert": [{"type": "contains", "value": "{{ x | striptags }}"}],
                    }
                ],
            }
        ).encode(),
    ),
    "loops in many assertions": (
        "s.yaml",
        lambda: json.dumps(
            {
                "prompts": ["x"],
                "tests": [
                    {
                        "vars": {"x": "zyxw" * 25_000, "n": {"n": list(range(10_000))}},
                        "assert": [
                            {
                                "type": "contains",
                                "value": f"{k}{{% for a in n.n %}}{{% set y = x | list | sort %}}"
                                "{% endfor %}",
                            }
                            for k in range(50)
                        ],
                    }
                ],
            }
        ).encode(),
    ),
    "yaml suite, laughs": ("s.yaml", lambda: LAUGHS),
    "yaml suite, deep": ("s.yaml", lambda: b"[" * 200_000),
    "a number of two million digits": ("s.yaml", lambda: b"a: 0x" + b"f" * 2_000_000),
}
DIFFS = {
    "one long line": ("x y " * 1_000_000, "y x " * 1_000_000),
    "lines of signs": ("\n".join(["言葉" * 1900] * 300), "\n".join(["葉言" * 1900] * 300)),
    "two lines in turn": ("a\nb\n" * 50_000, "b\na\n" * 50_000),
}


def try_template(content, syntax):
    from prompts.rendering import Template, TemplateError, Variable, find_uses, render

    try:
        names = [use.name for use in find_uses(Template(content=content, syntax=syntax))]
        variables = tuple(Variable(name=name, type="json") for name in names)
        template = Template(content=content, syntax=syntax, variables=variables)
        render(template, {name: VALUES[name] for name in names})
    except TemplateError as error:
        return str(error)
    return ""


def try_answer(kind, value, text):
    from evaluations.engine.errors import SuiteError
    from evaluations.engine.formats.assertions import parse_assertion
    from evaluations.engine.scorers import Context, grade
    from evaluations.engine.types import Answer

    given = {"type": kind} if value is None else {"type": kind, "value": value}
    try:
        assertion = parse_assertion(given)
    except SuiteError as error:
        return str(error)
    return asyncio.run(grade([assertion], Answer(text=text), Context())).error


def try_table(name, make):
    from prompts.importing import READERS, SUFFIXES, ColumnNames, Rejection, Source, UnreadableError

    reader = READERS[SUFFIXES[Path(name).suffix]]
    try:
        rows = list(reader(Source(io.BytesIO(make())), ColumnNames()))
    except UnreadableError as error:
        return str(error)
    rejected = [str(row.reason) for row in rows if isinstance(row, Rejection)]
    return rejected[0] if rejected else ""


def try_suite(name, make):
    from evaluations.engine.errors import EngineError
    from evaluations.suite_files import read_suite

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(make())
        try:
            read_suite(path)
        except EngineError as error:
            return str(error)
    return ""


def try_diff(before, after):
    from core import diffing

    return diffing.compare(before, after, context=None)[-1].kind


KINDS: tuple[tuple[str, dict, Callable], ...] = (
    ("jinja", JINJA, lambda content: try_template(content, "jinja")),
    ("nunjucks", NUNJUCKS, lambda content: try_template(content, "nunjucks")),
    ("answer", ANSWERS, lambda row: try_answer(*row)),
    ("table", TABLES, lambda row: try_table(*row)),
    ("suite", SUITES, lambda row: try_suite(*row)),
    ("diff", DIFFS, lambda row: try_diff(*row)),
)
ROWS = {
    f"{kind}: {name}": (attempt, row) for kind, rows, attempt in KINDS for name, row in rows.items()
}


def run(name):
    """Try a row in this process, which ends with it."""
    from core.bounded import pool

    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    attempt, row = ROWS[name]
    try:
        result = {"sentence": str(attempt(row))[:300]}
    except Exception as error:  # noqa: BLE001 (the test tells it)
        result = {"failure": f"{type(error).__name__}: {error}"[:300]}
    pool._pool.close()  # so that what its workers took is counted
    return result


def measure(name):
    """Return what came of a row, with what it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.write(writing, json.dumps(run(name)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _child, _status, usage = os.wait4(child, 0)
    result = json.loads(text) if text else {"failure": "it was killed"}
    seconds = usage.ru_utime + usage.ru_stime
    return {"name": name, "seconds": seconds, "megabytes": usage.ru_maxrss // 1024, **result}


def warm():
    """Load what every row needs, before the processes of the rows begin."""
    import django

    django.setup()
    import evaluations.suite_files  # noqa: F401
    import prompts.importing  # noqa: F401


if __name__ == "__main__":
    part, parts = map(int, sys.argv[1:3])
    warm()
    for row_name in list(ROWS)[part::parts]:
        sys.stdout.write(json.dumps(measure(row_name)) + "\n")
        sys.stdout.flush()
