"""One reader of tables: which bytes are which rows, which sentence says what is wrong."""

# ruff: noqa: E501 (whole files as rows of a table)

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tables import InvalidValue, Limits, UnreadableError, open_table
from core.tables.yaml_text import dump_yaml
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.tables import open_suite_table
from prompts.importing import ColumnNames, Source
from tests.core.hostile_files import HOSTILE
from tests.support.workbooks import MAIN, make_sheet, make_workbook

ROOT = Path(__file__).resolve().parents[2]


def rows_of(raw: bytes, file_format: str, **options):
    table = open_table(raw, file_format, **options)
    return [
        record.value if isinstance(record.value, dict) else str(record.value.reason)
        for record in table
    ]


AB = [{"a": "1", "b": "2"}]
TEXTS = [
    ("comma", "a,b\n1,2\n", AB),
    ("semicolon", "a;b\n1;2\n", AB),
    ("tab", "a\tb\n1\t2\n", AB),
    ("pipe", "a|b\n1|2\n", AB),
    (
        "semicolons with commas in the cells",
        "a;b\n1,5;2,5\n3;4\n",
        [{"a": "1,5", "b": "2,5"}, {"a": "3", "b": "4"}],
    ),
    (
        "more commas than semicolons",
        "a;b\nx, y, z;1\np, q;2\n",
        [{"a": "x, y, z", "b": "1"}, {"a": "p, q", "b": "2"}],
    ),
    ("sep=", "sep=;\na;b\n1;2\n", AB),
    ("sep= in quotes and capitals", '"SEP=|"\r\na|b\r\n1|2\r\n', AB),
    ("sep= beats what is likelier", "sep=;\na,b\n1,2\n", [{"a,b": "1,2"}]),
    ("blanks around names", " a , b \n1,2\n", AB),
    ("CRLF", "a,b\r\n1,2\r\n", AB),
    ("CR alone", "a,b\r1,2\r", AB),
    ("CR alone, a cell with LF", 'a,b\r"1\n1",2\r', [{"a": "1\n1", "b": "2"}]),
    ("no line end", "a,b\n1,2", AB),
    ("an empty last cell", "a,b\n1,", [{"a": "1", "b": ""}]),
    ("blank lines before the header", "\n  \n\na,b\n1,2\n", AB),
    ("blank rows", 'a,b\n,\n \n1,2\n,,,\n"",""\n', AB),
    ("columns without a name at the end", "a,b,,\n1,2,,\n", AB),
    ("a column without a name", "a,,b\n1,x,2\n", [{"a": "1", "column 2": "x", "b": "2"}]),
    ("a cell too many that is empty", "a,b\n1,2,\n", AB),
    ("a cell too many", "a,b\n1,2,3\n", ["has more cells (3) than the header (2)"]),
    ("a cell too few", "a,b\n1\n", [{"a": "1"}]),
    ("quotes", 'a,b\n"1 ""x"" ,","2\n"\n', [{"a": '1 "x" ,', "b": "2\n"}]),
    ("a quote inside of a bare cell", 'a,b\n5" nail,2\n', [{"a": '5" nail', "b": "2"}]),
    ("one column", "a\nx, y\n", ["has more cells (2) than the header (1)"]),
    ("one column in quotes", 'a\n"x, y"\n', [{"a": "x, y"}]),
    ("a header alone", "a,b\n", []),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("text", "rows"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_delimited_texts(text, rows, encoding):
    assert rows_of(text.encode(encoding), "csv") == rows


def test_known_names_tell_the_delimiter():
    text = b"question;__expected\nWhat, then?;contains:a,b\n"
    [row] = rows_of(text, "csv", known={"__expected"})
    assert row == {"question": "What, then?", "__expected": "contains:a,b"}


LINES = [
    ("csv", b'\n\na,"b\nc"\n1,2\n\n"3\n",4\n5,6\n', [5, 7, 9]),
    ("csv", b"sep=,\r\na,b\r\n1,2\r\n", [3]),
    ("csv", b'a,b\r"1\r1",2\r3,4\r', [2, 4]),
    ("json", b'[{"a": 1}, {"a": 2},\r\n{"a": 3}]', [1, 1, 2]),
    ("jsonl", b'{"a": 1}\r\r{"a": 2}', [1, 3]),
    ("yaml", b"# x\n- a: 1\n- {a: 2}\n", [2, 3]),
]


@pytest.mark.parametrize(("file_format", "raw", "lines"), LINES)
def test_places(file_format, raw, lines):
    table = open_table(raw, file_format)
    assert [record.line for record in table] == lines
    assert [record.number for record in table] == list(range(1, len(lines) + 1))


JAPANESE = "質問,答え\n首都は,東京\n"
KANJI = "東京,大阪\n山,川\n"


@pytest.mark.parametrize("text", [JAPANESE, KANJI, "ﾃﾞｰﾀ,かな\nｱ,イ\n"])
def test_cp932_is_recognised_and_said(text):
    table = open_table(text.encode("cp932"), "csv")
    names, cells = (line.split(",") for line in text.split())
    assert [record.value for record in table] == [dict(zip(names, cells, strict=True))]
    assert [str(note) for note in table.notes] == [
        "the file is not UTF-8; it was read as CP932 (Shift-JIS)"
    ]


WESTERN = ["naïve,b\n1,2\n", "it’s,“b”\n1,2\n", "Élève,à la\nœuvre,é\n", "a,b\ncafé,x\n"]


@pytest.mark.parametrize("text", WESTERN)
def test_western_pages_are_refused_by_name_and_never_read_as_japanese(text):
    with pytest.raises(UnreadableError, match=r"^line \d is not valid UTF-8, UTF-16 or"):
        open_table(text.encode("cp1252"), "csv")


BROKEN = [
    (JAPANESE.encode()[:-3] + b"\n", "line 2 is not valid UTF-8, UTF-16"),
    (b"\xef\xbb\xbfa,b\n\xff,c\n", "line 2 is not valid UTF-8, although the file starts as UTF-8"),
    (
        "a,b\nc,d".encode("utf-16") + b"\x00",
        "line 2 is not valid UTF-16, although the file starts as UTF-16",
    ),
    ("a,b\n".encode("utf-32"), "UTF-32 files are not supported; save the file as UTF-8"),
]


@pytest.mark.parametrize(("raw", "sentence"), BROKEN)
def test_broken_encodings(raw, sentence):
    with pytest.raises(UnreadableError) as refusal:
        open_table(raw, "csv")
    assert str(refusal.value).startswith(sentence)


def cell(reference: str, value: str, kind: str = "", style: str = "") -> str:
    attributes = (f' t="{kind}"' if kind else "") + (f' s="{style}"' if style else "")
    return f'<c r="{reference}"{attributes}>{value}</c>'


STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m"/>'
    '<numFmt numFmtId="165" formatCode="[Red]0.00&quot;d&quot;"/><numFmt numFmtId="166" formatCode="[h]:mm"/>'
    '</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
    '<xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/>'
    '<xf numFmtId="166"/><xf numFmtId="9"/></cellXfs></styleSheet>'
)
STRINGS = (
    f'<sst xmlns="{MAIN}"><si><t>plain</t></si><si><r><t>two </t></r><r><t>runs</t></r></si>'
    "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si><si><t>a_x000D_b</t></si></sst>"
)
CELLS = [
    ("<v>2024</v>", "", "", "2024"),
    ("<v>0.30000000000000004</v>", "", "", "0.3"),
    ("<v>1E-7</v>", "", "", "1e-07"),
    ("<v>45293</v>", "n", "1", "2024-01-02"),
    ("<v>45293.5</v>", "", "2", "2024-01-02 12:00:00"),
    ("<v>45293</v>", "", "3", "2024-01-02"),
    ("<v>3.5</v>", "", "4", "3.5"),
    ("<v>0.25</v>", "", "5", "06:00:00"),
    ("<v>0.5</v>", "", "6", "0.5"),
    ("<v>1</v>", "b", "", "TRUE"),
    ("<v>0</v>", "b", "", "FALSE"),
    ("<v>#N/A</v>", "e", "", "#N/A"),
    ("<v>1</v>", "s", "", "two runs"),
    ("<v>2</v>", "s", "", "東京"),
    ("<v>3</v>", "s", "", "a\rb"),
    ("<f>A1</f><v>said</v>", "str", "", "said"),
    ("<is><t>in line</t></is>", "inlineStr", "", "in line"),
    (
        "<f>A1+1</f>",
        "",
        "",
        "contains a formula without a stored value; open the workbook in a spreadsheet and save it",
    ),
    ("<v>99</v>", "s", "", "refers to a string that the workbook does not contain"),
]


@pytest.mark.parametrize(("value", "kind", "style", "text"), CELLS)
def test_cells_of_workbooks_are_the_texts_that_csv_has(value, kind, style, text):
    xml = f'<row r="2">{cell("A2", value, kind, style)}<c r="B2" t="str"><v>x</v></c></row>'
    sheet = make_sheet([["a", "b"]], xml=xml)
    [row] = rows_of(make_workbook(sheet, strings=STRINGS, styles=STYLES), "xlsx")
    shown = str(row["a"].reason) if isinstance(row["a"], InvalidValue) else row["a"]
    assert shown == text


def test_days_since_1904():
    sheet = make_sheet([["a"]], xml=f"<row>{cell('A2', '<v>43831</v>', '', '1')}</row>")
    raw = make_workbook(sheet, styles=STYLES, book='<workbookPr date1904="1"/>')
    assert rows_of(raw, "xlsx") == [{"a": "2024-01-02"}]


SHEETS = [
    (
        "a wrong dimension",
        make_sheet([["a", "b"], ["1", "2"], ["3", "4"]], dimension="A1:A2"),
        [2, 3],
    ),
    (
        "blank rows first",
        make_sheet(
            xml='<row r="1"/>'
            + make_sheet([["a"], ["1"]]).split("<sheetData>")[1].split("</sheetData>")[0]
        ),
        [3],
    ),
    (
        "gaps",
        make_sheet([["a"]], xml=f'<row r="7">{cell("A7", "<v>1</v>")}</row><row r="9"/>'),
        [7],
    ),
    (
        "rows out of order",
        make_sheet(
            [["a"]],
            xml=f'<row r="9">{cell("A9", "<v>1</v>")}</row><row r="3">{cell("A3", "<v>2</v>")}</row>',
        ),
        [9, 10],
    ),
    (
        "styled and empty",
        make_sheet(
            [["a"]], xml='<row r="2"><c r="A2" t="str"><v>1</v></c><c r="XFD2" s="1"/></row>'
        ),
        [2],
    ),
]


@pytest.mark.parametrize(
    ("sheet", "lines"), [row[1:] for row in SHEETS], ids=[row[0] for row in SHEETS]
)
def test_sheets(sheet, lines):
    assert [record.line for record in open_table(make_workbook(sheet), "xlsx")] == lines


def test_a_sheet_by_its_name_or_number_and_what_is_no_workbook():
    raw = make_workbook(make_sheet([["a"], ["1"]]))
    for sheet in ("", "One", "1"):
        assert rows_of(raw, "xlsx", sheet=sheet) == [{"a": "1"}]
    with pytest.raises(UnreadableError, match="there is no sheet 'Two'; available sheets: 'One'"):
        open_table(raw, "xlsx", sheet="Two")


OTHERS = [
    (b"", "this is not an XLSX workbook"),
    (b"a,b\n1,2\n", "this is not an XLSX workbook"),
    (b"\xd0\xcf\x11\xe0" + bytes(600), "this is an old (.xls) or encrypted workbook"),
    (make_workbook(make_sheet([["a"]]), more={"mimetype": "x"}), "this is an OpenDocument file"),
    (
        make_workbook(make_sheet([["a"]]), more={"Index/Document.iwa": "x"}),
        "this is a Numbers file",
    ),
    (make_workbook("<worksheet><sheetData><row>"), "the workbook is damaged"),
    (make_workbook(make_sheet([["a"]]))[:-30], "this is not an XLSX workbook"),
    (
        make_workbook("<!DOCTYPE x [<!ENTITY a 'b'>]>" + make_sheet([["a"]])),
        "the workbook is damaged",
    ),
    (make_workbook(make_sheet([["a", "a"]])), "the header (row 1) names the column 'a' twice"),
    (make_workbook(make_sheet()), "the file is empty"),
]


@pytest.mark.parametrize(("raw", "sentence"), OTHERS)
def test_workbooks_that_are_refused(raw, sentence):
    with pytest.raises(UnreadableError) as refusal:
        open_table(raw, "xlsx")
    assert str(refusal.value).startswith(sentence)


BINARY = [
    (make_workbook(make_sheet([["a"]])), "this is a workbook or another archive"),
    (b"%PDF-1.7 x", "this is a PDF"),
    (b"\xd0\xcf\x11\xe0", "this is an old (.xls) or encrypted workbook"),
]


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl", "yaml"])
@pytest.mark.parametrize(("raw", "sentence"), BINARY)
def test_other_files_under_a_wrong_name(file_format, raw, sentence):
    with pytest.raises(UnreadableError) as refusal:
        open_table(raw, file_format)
    assert str(refusal.value).startswith(sentence)


OBJECTS = [
    ("json", b'{"a": 1}', [{"a": 1}]),
    ("json", b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    ("json", b'{"list": [{"a": 1}], "more": 2}', [{"a": 1}]),
    ("json", b"[]", []),
    ("jsonl", b'[{"a": 1}]', [{"a": 1}]),
    ("jsonl", '{"a": "x\u2028y"}\n'.encode(), [{"a": "x\u2028y"}]),
    ("yaml", b"a: 1\n---\na: 2\n", [{"a": 1}, {"a": 2}]),
    ("yaml", b"list:\n- a: yes\n- a: 2024-01-02\n", [{"a": "yes"}, {"a": "2024-01-02"}]),
    ("yaml", b"- &x {a: 1}\n- {<<: *x, b: 2}\n", [{"a": 1}, {"a": 1, "b": 2}]),
    ("yaml", b"- a: &n x\n  b: *n\n  1: y\n", [{"a": "x", "b": "x", "1": "y"}]),
    ("yaml", b"[]", []),
]


@pytest.mark.parametrize(("file_format", "raw", "values"), OBJECTS)
def test_lists_of_objects(file_format, raw, values):
    assert rows_of(raw, file_format, lists=("list",)) == values


# --- The same for both apps -----------------------------------------------------------------------


def by_prompts(raw: bytes, file_format: str):
    return Source(io.BytesIO(raw)).open_table(file_format, ColumnNames())


def by_suites(raw: bytes, file_format: str):
    return open_suite_table(raw, f"t.{file_format}")


@pytest.mark.parametrize("open_by", [by_prompts, by_suites])
@pytest.mark.parametrize(
    ("text", "rows"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS]
)
def test_both_apps_read_the_same_rows(open_by, text, rows):
    table = open_by(text.encode(), "csv")
    values = [record.value for record in table]
    assert [value if isinstance(value, dict) else str(value.reason) for value in values] == rows


REFUSED = [
    (
        "csv",
        b"a,b,a\n1,2,3\n",
        "the header (line 1) names the column 'a' twice; rename one of them",
    ),
    ("csv", b"", "the file is empty; its first row must name the columns"),
    ("csv", b'a,b\n"1,2\n', "the record that begins on line 2 opens a quote that is never closed"),
    ("csv", b"a,b\n1,\xff\n", "line 2 is not valid UTF-8, UTF-16 or CP932"),
    ("json", b"[1", "line 1, column 3: expected , or ] after an object"),
    ("yaml", b"- *a\n", "line 1, column 3: the anchor 'a' is not defined before this alias"),
    ("xlsx", b"PK\x03\x04", "this is not an XLSX workbook"),
]


@pytest.mark.parametrize("open_by", [by_prompts, by_suites])
@pytest.mark.parametrize(("file_format", "raw", "sentence"), REFUSED)
def test_both_apps_say_the_same(open_by, file_format, raw, sentence):
    with pytest.raises((UnreadableError, SuiteError)) as refusal:
        open_by(raw, file_format)
    assert sentence in str(refusal.value)


# --- Any table ------------------------------------------------------------------------------------

CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff")
SIGNS = st.sampled_from([*",;\t|'\"\n", "\r\n", "=", "sep=;", "# ", "- ", "yes", "1e5", "0x1", "~"])
CELL = st.lists(CHARACTERS | SIGNS, max_size=4).map("".join)
NAME = (
    st.text(CHARACTERS, min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda name: name and name.casefold()[:4] != "sep=")
)


@st.composite
def tables(draw):
    names = draw(st.lists(NAME, min_size=2, max_size=4, unique=True))
    row = st.lists(CELL, min_size=len(names), max_size=len(names))
    rows = draw(st.lists(row.filter(lambda cells: any(map(str.strip, cells))), max_size=4))
    return names, rows


def as_csv(names, rows, delimiter, line_end):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    return stream.getvalue()


@settings(max_examples=60)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_comes_back_as_csv(table, delimiter, line_end, encoding):
    names, rows = table
    raw = as_csv(names, rows, delimiter, line_end).encode(encoding)
    assert rows_of(raw, "csv") == [dict(zip(names, row, strict=True)) for row in rows]


@settings(max_examples=60)
@given(table=tables(), file_format=st.sampled_from(["json", "jsonl", "yaml", "xlsx"]))
def test_any_table_comes_back_in_other_formats(table, file_format):
    names, rows = table
    records = [dict(zip(names, row, strict=True)) for row in rows]
    if file_format == "xlsx":
        rows = [[text.replace("\r\n", "\n") for text in row] for row in rows]
        records = [dict(zip(names, row, strict=True)) for row in rows]
        raw = make_workbook(make_sheet([names, *rows]))
    elif file_format == "jsonl":
        raw = "".join(json.dumps(record) + "\n" for record in records or [{"a": 1}]).encode()
        records = records or [{"a": 1}]
    elif file_format == "yaml":
        raw = dump_yaml(records).encode()
    else:
        raw = json.dumps(records, ensure_ascii=False).encode()
    assert rows_of(raw, file_format) == records


def test_what_we_write_as_yaml_is_the_same_for_a_reader_of_yaml_1_1():
    texts = ["yes", "1e5", "0o7", "12:30", "2024-01-02", "null", "~", "a: b", "two\nlines"]
    assert yaml.safe_load(dump_yaml(texts)) == texts


# --- Limits ---------------------------------------------------------------------------------------

SMALL = Limits(records=3, columns=4, values=12, cell_characters=10, size_bytes=10_000)
LIMITED = [
    ("csv", b"a\n" + b"1\n" * 4, "the file has more than 3 rows below its header; split it"),
    ("csv", b"a,b,c,d,e\n", "the record that begins on line 1 has more than 4 cells"),
    ("csv", b"a\n" + b"x" * 11, "the record that begins on line 2 has a cell of more than 10"),
    ("json", b"[{}, {}, {}, {}]", "the file has more than 3 records; split it"),
    ("json", b"[[[],[],[],[],[],[],[],[]]]", "the file has more than 12 values; split it"),
    ("jsonl", b"{}\n" * 4, "the file has more than 3 records; split it"),
    ("yaml", b"- a\n- b\n- c\n", "the file has more than 1 values; split it"),
    (
        "xlsx",
        make_workbook(make_sheet([["a"], *[["1"]] * 4])),
        "the workbook has more than 3 values",
    ),
]


@pytest.mark.parametrize(("file_format", "raw", "sentence"), LIMITED)
def test_limits_are_said(file_format, raw, sentence):
    with pytest.raises(UnreadableError) as refusal:
        open_table(raw, file_format, limits=SMALL)
    assert str(refusal.value).startswith(sentence)


def test_a_cell_of_any_length_is_read_whatever_the_process_read_before():
    raw = b'a,b\n"' + b"x" * 200_000 + b'",2\n'
    program = (
        "import csv, sys; from core.tables import open_table\n"
        "csv.field_size_limit({limit}); raw = sys.stdin.buffer.read()\n"
        "[record] = open_table(raw, 'csv'); print(len(record.value['a']), csv.field_size_limit())"
    )
    for limit in (10, 131_072):
        done = subprocess.run(
            [sys.executable, "-c", program.format(limit=limit)],
            input=raw,
            capture_output=True,
            check=True,
            cwd=ROOT,
        )
        assert done.stdout.split() == [b"200000", str(limit).encode()]


@pytest.fixture(scope="module")
def results():
    """Try every hostile file in a process that nothing measures but itself."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("COV_", "COVERAGE"))}
    program = [sys.executable, "-m", "tests.core.hostile_files"]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, check=True)
    return {result["name"]: result for result in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon(results, name):
    result = results[name]
    assert result["failure"] is None
    assert result["records"] in (None, 1)
    assert result["seconds"] < 2
    assert result["megabytes"] < 200
