"""Each rule of the reader of tables at its edge: what is just allowed, and what just is not."""

# ruff: noqa: E501 (whole files as rows of a table)

import io
import json
import math
import zipfile
from datetime import date, datetime, time

import pytest

from core.tables import (
    InvalidValue,
    Limits,
    Record,
    Sentence,
    UnreadableError,
    detect_format,
    escape_formula,
    open_table,
    read_bytes,
    unescape_formula,
    workbook_cells,
)
from core.tables.quoting import clean, listed, quoted
from core.tables.values import UnsupportedValueError, kind, plain
from core.tables.yaml_text import dump_yaml, plain_scalar
from tests.support.workbooks import MAIN, RELATIONS, make_sheet, make_workbook

SMALL = Limits(records=3, columns=4, values=12, cell_characters=10, size_bytes=10_000)


def read(raw, file_format, **options):
    """Return every record's line and value, an unusable one as its reason."""
    return [
        (
            record.line,
            str(record.value.reason) if isinstance(record.value, InvalidValue) else record.value,
        )
        for record in open_table(raw, file_format, **options)
    ]


def refusal(raw, file_format, **options):
    with pytest.raises(UnreadableError) as caught:
        open_table(raw, file_format, **options)
    return str(caught.value)


# --- CSV ------------------------------------------------------------------------------------------

DELIMITED = [
    ("as many cells as columns are allowed", "a,b,c,d\n1,2,3,4\n", [(2, dict(zip("abcd", "1234", strict=True)))]),
    ("empty cells beyond the columns", "a\n1,,,,,\n", [(2, {"a": "1"})]),
    ("as many rows as are allowed", "a\n1\n2\n3\n", [(2, {"a": "1"}), (3, {"a": "2"}), (4, {"a": "3"})]),
    ("a cell of the greatest length", "a\n" + "x" * 10 + "\n", [(2, {"a": "x" * 10})]),
    ("one of that length in quotes", 'a\n"' + "x" * 9 + '"""\n', [(2, {"a": "x" * 9 + '"'})]),
    ("as many empty quotes as rows", 'a\n""\n""\n""\n1\n', [(5, {"a": "1"})]),
    ("quotes around blanks say nothing", 'a\n" "\n1\n', [(3, {"a": "1"})]),
    ("blank lines do not count", "a\n\n\n\n\n\n1\n", [(7, {"a": "1"})]),
    ("lines after a separator line", "sep=;\n\na;b\n1;2\n", [(4, {"a": "1", "b": "2"})]),
    ("a separator line with delimiters after it", "sep=;;;  \r\na;b\r\n1;2\r\n", [(3, {"a": "1", "b": "2"})]),
    ("rows that are as long as the header", "a;b,c\n1;2\n3;4\n", [(2, {"a": "1", "b,c": "2"}), (3, {"a": "3", "b,c": "4"})]),
    ("a header alone has most columns", "a;b;c,d\n", []),
    ("an even choice is the comma's", "a,b;c\n", []),
    ("an unusable row ends with its last cell", "a,b\n1,2,3,,\n", [(2, "has more cells (3) than the header (2)")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rows"), [row[1:] for row in DELIMITED], ids=[row[0] for row in DELIMITED]
)
def test_delimited_texts_within_the_limits(text, rows):
    assert read(text.encode(), "csv", limits=SMALL) == rows


DELIMITED_REFUSED = [
    ("a\n" + "x" * 11 + "\n", "the record that begins on line 2 has a cell of more than 10 characters"),
    ('a\n1\n"' + "x" * 11 + '"\n', "the record that begins on line 3 has a cell of more than 10 characters"),
    ("a\n1\n2\n3\n4\n", "the file has more than 3 rows below its header; split it"),
    ('a\n""\n""\n""\n""\n', "the file has more than 3 rows below its header; split it"),
    ("a\n1,,,,2\n", "the record that begins on line 2 has more than 4 cells, which is the limit for columns"),
    ("a,b,c,d\n" + "1,2,3,4\n" * 3 + ",,,5\n", "the file has more than 3 rows below its header; split it"),
    ("sep=x\n", "the first line sets the separator to “x”; supported separators are comma, semicolon, tab and pipe"),
    ('a,b\n"1\n2"x,3\n', "the record that begins on line 2 has text after a closing quote on line 3; double the quotes inside a quoted cell"),
    ('sep=,\n\na,b\n1,"2"x\n', "the record that begins on line 4 has text after a closing quote on line 4; double the quotes inside a quoted cell"),
    ('\n\na,b\n"1\n', "the record that begins on line 4 opens a quote that is never closed"),
    ("a,b\n1,2\r3,4\n", "the record that begins on line 2 contains a carriage return outside quotes; quote cells that contain one"),
    ("\n\na,a\n", "the header (line 3) names the column 'a' twice; rename one of them"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), DELIMITED_REFUSED)
def test_delimited_texts_just_beyond_a_rule(text, sentence):
    assert refusal(text.encode(), "csv", limits=SMALL) == sentence


def test_the_cells_of_all_rows_together_are_limited():
    limits = Limits(values=4)
    assert len(read(b"a,b\n1,2\n3,4\n", "csv", limits=limits)) == 2
    sentence = refusal(b"a,b\n1,2\n3,4,\n", "csv", limits=limits)
    assert sentence == "the file has more than 4 cells; split it"


def test_no_row_has_more_cells_than_the_widest_sheet():
    assert read(b"a,b\n1" + b"," * 16_383 + b"\n", "csv") == [(2, {"a": "1", "b": ""})]
    assert "has more than 1,000 cells" in refusal(b"a,b\n1" + b"," * 16_384 + b"\n", "csv")


def test_known_names_say_more_than_columns_do():
    raw = b"a;b,c,d\n1;2,3,4\n"
    assert list(open_table(raw, "csv").columns) == ["a;b", "c", "d"]
    assert list(open_table(raw, "csv", known={"a"}).columns) == ["a", "b,c,d"]
    assert list(open_table(b" A ;b,c,d\n", "csv", known={"a"}).columns) == ["A", "b,c,d"]


def test_a_delimiter_is_chosen_by_the_first_rows_alone():
    # Twenty rows below the header speak for the semicolon, all others for the comma.
    text = "a,b;c\n" + "1;2\n" * 20 + "1,2\n" * 100
    assert list(open_table(text.encode(), "csv").columns) == ["a,b", "c"]
    assert list(open_table(b"a;b\nx,y\nx,y;z\n", "csv").columns) == ["a", "b"]


def test_what_a_table_says_of_itself():
    table = open_table("\ufeff\n a ,, b ,,\n1\n".encode(), "csv")
    assert (table.columns, table.header_line, table.unit) == (("a", "column 2", "b"), 2, "line")
    assert (table.escaped, table.numbered, table.notes) == (False, False, ())
    assert list(table) == [Record(number=1, line=3, value={"a": "1"}, missing=("column 2", "b"))]
    assert len(table) == 1


def test_a_table_of_ours_is_read_as_it_was():
    raw = b" a ,'=b,autoforge_escaped \n'=1,'''@x,\n'x,=2,\n"
    table = open_table(raw, "csv")
    assert table.columns == (" a ", "=b", "autoforge_escaped")
    assert table.escaped
    assert [record.value for record in table] == [
        {" a ": "=1", "=b": "''@x", "autoforge_escaped": ""},
        {" a ": "'x", "=b": "=2", "autoforge_escaped": ""},
    ]
    for cell in ("=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''=", "a=1", "'a", ""):
        assert unescape_formula(escape_formula(cell)) == cell
    assert (escape_formula("=1"), escape_formula("a=1"), escape_formula(-1)) == ("'=1", "a=1", -1)


# --- Encodings ------------------------------------------------------------------------------------

AS_UTF16 = "the file is not UTF-8; it was read as UTF-16"
AS_CP932 = "the file is not UTF-8; it was read as CP932 (Shift-JIS)"
DECODED = [
    ("a,b\n".encode("utf-16-le"), ("a", "b"), [AS_UTF16]),
    ("a,b\n".encode("utf-16-be"), ("a", "b"), [AS_UTF16]),
    ("a,b".encode("utf-16-le"), ("a", "b"), [AS_UTF16]),  # three NULs are enough
    ("a,".encode("utf-16-le"), ("a\0", "\0"), []),  # two are none
    ("a,b\n".encode("utf-16"), ("a", "b"), []),
    ("a,b\n".encode("utf-8-sig"), ("a", "b"), []),
    (b"a\0b\0,\0\0\0", ("a\0b\0", "\0\0\0"), []),  # NULs at odd and even places
    (b"a\0b\0,\0x", ("a\0b\0", "\0x"), []),  # no pairs
    ("a\x01,b".encode("utf-16-le"), ("a\0\x01\0", "\0b\0"), []),  # a control character
    ("川,Я\n".encode("cp932"), ("川", "Я"), [AS_CP932]),  # half of it is Japanese
    (b"\x89\x80,b\n", ("園", "b"), [AS_CP932]),  # the lowest second byte that is no ASCII
]


@pytest.mark.parametrize(("raw", "columns", "notes"), DECODED)
def test_encodings_are_recognised(raw, columns, notes):
    table = open_table(raw, "csv")
    assert table.columns == columns
    assert [str(note) for note in table.notes] == notes


UNDECODED = [
    ("a\n川,ЯЯ\n".encode("cp932"), "line 2 is not valid UTF-8, UTF-16 or CP932"),
    ("a,b\nあ\n".encode() + "あ".encode("cp932"), "line 3 is not valid UTF-8, UTF-16"),
    ("あ,b\nい,".encode("cp932") + b"\x81", "line 1 is not valid UTF-8, UTF-16 or"),
    (
        "a\nb\nc".encode("utf-16-be") + b"\xd8\x01",
        "line 3 is not valid UTF-16, although the file starts as",
    ),
    (
        "\ufeffa\nb".encode("utf-16-be") + b"\xd8",
        "line 2 is not valid UTF-16, although the file starts as",
    ),
    (
        b"\xef\xbb\xbfa\n\n\xff",
        "line 3 is not valid UTF-8, although the file starts as UTF-8; save the file",
    ),
]


@pytest.mark.parametrize(("raw", "sentence"), UNDECODED)
def test_what_is_no_encoding_names_its_line(raw, sentence):
    assert refusal(raw, "csv").startswith(sentence)


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl", "yaml"])
def test_every_text_format_says_how_it_was_read(file_format):
    text = {"csv": "あ,b\n", "json": '[{"あ": 1}]', "jsonl": '{"あ": 1}', "yaml": "- あ: 1\n"}
    table = open_table(text[file_format].encode("cp932"), file_format)
    assert [str(note) for note in table.notes] == [AS_CP932]


# --- JSON -----------------------------------------------------------------------------------------

NINES = "9" * 4000
JSON = [
    ("json", '[{"a": 1, "a": 2}, {"b": [{"a": 1, "a": 2}]}]', {}, [(1, "contains the key 'a' twice in one object")]),
    ("json", '[{"a": 1, "b": 2, "b": 3}]', {}, [(1, "contains the key 'b' twice in one object")]),
    ("json", "[" + NINES + "]", {}, [(1, int("9" * 10))]),
    ("json", "[9" + NINES + "]", {}, [(1, "contains a number with more than 1,200 digits; write it as a string")]),
    ("json", ' \n{"a": 1}\n {"b":\n2}', {}, [(2, {"a": 1}), (3, {"b": 2})]),
    ("json", '{"a": [1]}', {"lists": ["b"]}, [(1, {"a": [1]})]),
    ("json", '{"x": 1,\n"b": [1,\n2]}', {"lists": ["b"]}, [(2, 1), (3, 2)]),
    ("json", '{"b": 1}', {"lists": ["b"]}, [(1, {"b": 1})]),
    ("json", '{"b": []}', {"lists": ["b"]}, []),
    ("json", "{}", {}, [(1, {})]),
    ("json", '{"a": 1, "a": 2}', {}, [(1, "contains the key 'a' twice in one object")]),
    ("jsonl", '\n {"a": 1} \n\n{"b": }\n[1]x\n', {}, [(2, {"a": 1}), (4, "is not valid JSON at character 7 (Expecting value)"), (5, "is not valid JSON at character 4 (Extra data)")]),
    ("jsonl", '{"a": ' + "[" * 3000 + "}\n{}", {}, [(1, "is nested deeper than 100 levels"), (2, {})]),
    ("jsonl", ' [\n{"a": 1}]', {}, [(2, {"a": 1})]),
]  # fmt: skip


@pytest.mark.parametrize(("file_format", "text", "options", "rows"), JSON)
def test_json(file_format, text, options, rows):
    found = read(text.encode(), file_format, **options)
    short = [(line, value % 10**10 if isinstance(value, int) else value) for line, value in found]
    assert short[: len(rows)] == rows


JSON_REFUSED = [
    ("json", "", "the file is empty; it must be a list of objects"),
    ("json", " \n", "the file is empty; it must be a list of objects"),
    ("json", "1", "line 1, column 1: the file must be a JSON list of objects in square brackets"),
    ("json", "\n [1 2]", "line 2, column 5: expected , or ] after an object"),
    ("json", "[1,\n]", "line 2, column 1: not valid JSON (Expecting value)"),
    ("json", "[1 2]\n\n 3\n", "line 1, column 4: expected , or ] after an object"),
    ("json", "[1\n 2]\n 3\n", "line 2, column 2: expected , or ] after an object"),
    ("json", "{}\n }\n\n", "line 2, column 2: unexpected text after the end of the list"),
    ("json", "[1]\n 2", "line 2, column 2: unexpected text after the end of the list"),
    ("json", '{"a": 1}\r\n\r\n]', "line 3, column 1: unexpected text after the end of the list"),
    ("json", '{"a": 1 "b"}', "line 1, column 9: expected , or } after a value"),
    ("json", '{"a" 1}', "line 1, column 6: expected : after a key"),
    ("json", "{a: 1}", "line 1, column 2: expected a key in double quotes"),
    ("json", '{"a": 1,}', "line 1, column 9: expected a key in double quotes"),
    ("json", '{"a": 1', "line 1, column 8: expected , or } after a value"),
    ("json", "[\n" + "[" * 3000, "line 2, column 1: the value that begins here is nested deeper than 100 levels"),
    ("jsonl", "", "the file is empty; each line must be an object"),
    ("jsonl", " \r\n", "the file is empty; each line must be an object"),
]  # fmt: skip


@pytest.mark.parametrize(("file_format", "text", "sentence"), JSON_REFUSED)
def test_json_that_is_refused_names_its_place(file_format, text, sentence):
    assert refusal(text.encode(), file_format) == sentence


def test_limits_of_json():
    limits = Limits(records=3, values=4)
    assert len(read(b"[1, 2, 3]", "json", limits=limits)) == 3
    assert len(read(b"[{}, {}]", "json", limits=limits)) == 2
    assert len(read(b"{}\n{}\n{}\n", "jsonl", limits=limits)) == 3
    for raw, file_format in ((b"[1, 2, 3, 4]", "json"), (b"1\n" * 4, "jsonl")):
        sentence = refusal(raw, file_format, limits=limits)
        assert sentence == "the file has more than 3 records; split it"
    for raw, file_format in ((b"[{}, {}, 1]", "json"), (b"{}\n{}\n[[1]]\n{}", "jsonl")):
        sentence = refusal(raw, file_format, limits=limits)
        assert sentence == "the file has more than 4 values; split it"


def test_which_tables_number_their_records():
    def numbered(raw, file_format):
        return open_table(raw, file_format).numbered

    assert numbered(b"[{}]", "json")
    assert numbered(b"- {}", "yaml")
    assert numbered(b"[{}]", "jsonl")
    assert not numbered(b"{}", "jsonl")
    assert open_table(b"[{}]", "json").columns is None


# --- YAML -----------------------------------------------------------------------------------------

SCALARS = [
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nUll", "nUll"),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False),
    ("yes", "yes"), ("12", 12), ("-3", -3), ("+4", 4), ("0o17", 15), ("0x1F", 31), ("0b1", "0b1"),
    ("0x", "0x"), ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1E-2", -0.01),
    (".", "."), ("1_000", "1_000"), ("12:30", "12:30"), ("2024-01-02", "2024-01-02"),
    (".inf", math.inf), ("-.inf", -math.inf), ("+.INF", math.inf), (".Inf", math.inf),
    ("9" * 400, int("9" * 400)), ("9" * 401, "9" * 401),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_plain_scalars_are_those_of_yaml_1_2(text, value):
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    assert all(math.isnan(plain_scalar(text)) for text in (".nan", ".NaN", ".NAN"))
    assert plain_scalar(".Nan") == ".Nan"


DEEP = "[" * 100 + "]" * 100
YAML = [
    ("- a: !!str 1\n  b: !!str true\n  c: '3'\n  d: |\n    4", [(1, {"a": "1", "b": "true", "c": "3", "d": "4"})]),
    ("- a: !!int 1\n  b: !!float 2\n  c: !!float 2.5\n  d: !!bool true\n  e: !!null ~", [(1, {"a": 1, "b": 2.0, "c": 2.5, "d": True, "e": None})]),
    ("- a: !!int x", [(1, "contains a value with the tag 'tag:yaml.org,2002:int', which is not supported")]),
    ("- a: !!float x", [(1, "contains a value with the tag 'tag:yaml.org,2002:float', which is not supported")]),
    ("- a: !!bool x", [(1, "contains a value with the tag 'tag:yaml.org,2002:bool', which is not supported")]),
    ("- !own {a: 1}\n- !own [1]\n- !!map {a: 1}\n- !!seq [1]", [(1, "contains a value with the tag '!own', which is not supported"), (2, "contains a value with the tag '!own', which is not supported"), (3, {"a": 1}), (4, [1])]),
    ("- {a: 1, a: 2}\n- {b: 1}", [(1, "contains the key 'a' twice in one mapping"), (2, {"b": 1})]),
    ("a: 1\na: 2", [(1, "contains the key 'a' twice in one mapping")]),
    ("- {[a]: 1}\n- {? {x: 1} : 1}", [(1, "contains a key that is a list or a mapping, not a string"), (2, "contains a key that is a list or a mapping, not a string")]),
    ("- &x [*x]\n- 1", [(1, "contains an alias inside the value it repeats"), (2, 1)]),
    ("- &x a\n- {*x : 1, b: *x}", [(1, "a"), (2, {"a": 1, "b": "a"})]),
    ("- {&k a: *k}", [(1, {"a": "a"})]),
    ("- &m {a: 1, b: 2}\n- {<<: *m, b: 3}\n- {b: 3, <<: *m}\n- {'<<': x}", [(1, {"a": 1, "b": 2}), (2, {"a": 1, "b": 3}), (3, {"a": 1, "b": 3}), (4, {"<<": "x"})]),
    ("- {<<: [{a: 1}, {a: 2, b: 2}], c: 3}", [(1, {"a": 1, "b": 2, "c": 3})]),
    ("- {<<: 3, c: 3}", [(1, {"c": 3})]),
    ("<<: {a: 1, b: 1}\nb: 2", [(1, {"a": 1, "b": 2})]),
    ("\nx: 1\nlist:\n- 1\n-\n  2\ny: 2", [(4, 1), (6, 2)]),
    ("list: 3", [(1, {"list": 3})]),
    ("--- {a: 1}\n--- \n--- {b: 2}\n...\n", [(1, {"a": 1}), (3, {"b": 2})]),
    (f"- {DEEP}\n- 1", [(1, json.loads(DEEP)), (2, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows"), YAML)
def test_yaml(text, rows):
    assert read(text.encode(), "yaml", lists=["list"]) == rows


YAML_REFUSED = [
    ("", "the file is empty; it must be a list of mappings"),
    ("---\n", "the file is empty; it must be a list of mappings"),
    ("# x\n a", "line 2, column 2: the file must be a list of mappings, or one mapping per document"),
    ("- a\n- *b", "line 2, column 3: the anchor 'b' is not defined before this alias"),
    ("--- [&a 1]\n--- [*a]", "line 2, column 6: the anchor 'a' is not defined before this alias"),
    (f"- 1\n-  [{DEEP}]", "line 2, column 104: is nested deeper than 100 levels"),
    ("\na\n\x07\n\n", "line 3 contains the character U+0007, which YAML only allows as an escape in double quotes"),
    ("a\n\n\x07", "line 3 contains the character U+0007, which YAML only allows as an escape in double quotes"),
    ("- [1", "line 2, column 1: not valid YAML (did not find expected ',' or ']')"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), YAML_REFUSED)
def test_yaml_that_is_refused_names_its_place(text, sentence):
    assert refusal(text.encode(), "yaml") == sentence


def test_limits_of_yaml():
    limits = Limits(records=3, values=40)  # an eighth of them are YAML's
    assert len(read(b"[1, 2, 3]", "yaml", limits=limits)) == 3
    assert refusal(b"[1, 2, 3, 4]", "yaml", limits=limits) == (
        "the file has more than 3 records; split it"
    )
    assert len(read(b"- [1, 2]\n- 1", "yaml", limits=limits)) == 2  # and the document
    assert refusal(b"- [1, 2]\n- [1]", "yaml", limits=limits) == (
        "the file has more than 5 values; split it"
    )
    assert refusal(b"---\n" * 6, "yaml", limits=limits) == (
        "the file has more than 5 values; split it"
    )


def test_aliases_weigh_as_much_as_what_they_repeat():
    mebibyte = "x" * 1024**2
    written = f"- &a {mebibyte}\n" + "- *a\n" * 62
    assert len(read(written.encode(), "yaml")) == 63
    sentence = "line 64: with its aliases expanded, the file is larger than 64 MiB"
    assert refusal(f"{written}- *a\n".encode(), "yaml") == sentence


def test_only_what_an_alias_repeats_weighs_again():
    text = f"- {'x' * 1024**2}\n- &b x\n" + "- *b\n" * 100
    assert len(read(text.encode(), "yaml")) == 102


def test_mappings_are_as_deep_as_lists_may_be():
    def text(levels):
        return ("- " + "{a: " * levels + "1" + "}" * levels).encode()

    assert len(read(text(100), "yaml")) == 1
    assert refusal(text(101), "yaml").endswith("is nested deeper than 100 levels")


def test_yaml_that_we_write():
    value = {"b": "yes", "a": ["1", "a\nb", "~", "東京", 1.5]}
    text = dump_yaml(value)
    assert text == "b: 'yes'\na:\n- '1'\n- |-\n  a\n  b\n- '~'\n- 東京\n- 1.5\n"
    assert dump_yaml(["0E0", "0o17"]) == "- '0E0'\n- '0o17'\n"
    long = dump_yaml("word " * 40)
    assert max(map(len, long.splitlines())) > 80
    assert len(dump_yaml("word " * 40, width=1000).splitlines()) == 1


# --- Workbooks ------------------------------------------------------------------------------------


def relation(number, kind, target):
    return f'<Relationship Id="r{number}" Type="{RELATIONS}/{kind}" Target="{target}"/>'


def sheet_tag(name, number, state=""):
    state = f' state="{state}"' if state else ""
    return f'<sheet name="{name}" sheetId="{number}"{state} r:id="r{number}"/>'


def book(sheets, relations, parts):
    """Return a workbook of several sheets; each part is a sheet with the one column of its name."""
    names = f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{sheets}</sheets></workbook>'
    more = {part: make_sheet([[column]]) for part, column in parts.items()}
    more["xl/workbook.xml"] = names
    more["xl/_rels/workbook.xml.rels"] = f"<Relationships>{relations}</Relationships>"
    return rewritten(more)


def rewritten(parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


THREE = book(
    sheet_tag("Hidden", 1, "hidden") + sheet_tag("Chart", 2) + sheet_tag("Two", 3, "visible") + sheet_tag("2", 4),
    relation(1, "worksheet", "worksheets/a.xml") + relation(2, "chartsheet", "x.xml")
    + relation(3, "worksheet", "/xl/worksheets/b.xml") + relation(4, "worksheet", "../other/c.xml"),
    {"xl/worksheets/a.xml": "of the first", "xl/worksheets/b.xml": "of the second", "other/c.xml": "of the third"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("sheet", "column"),
    [
        ("", "of the second"),
        ("Hidden", "of the first"),
        ("1", "of the first"),
        ("2", "of the third"),
        ("3", "of the third"),
        ("Two", "of the second"),
    ],
)
def test_sheets_are_found_by_name_then_by_number(sheet, column):
    assert open_table(THREE, "xlsx", sheet=sheet).columns == (column,)


@pytest.mark.parametrize("sheet", ["0", "4", "Chart", "two", "-1", "9" * 20])
def test_a_sheet_that_is_not_there_names_those_that_are(sheet):
    sentence = f"there is no sheet '{sheet}'; available sheets: 'Hidden', 'Two', '2'"
    assert refusal(THREE, "xlsx", sheet=sheet) == sentence


def test_where_all_sheets_are_hidden_the_first_is_read():
    raw = book(
        sheet_tag("A", 1, "hidden") + sheet_tag("B", 2, "veryHidden"),
        relation(1, "worksheet", "a.xml") + relation(2, "worksheet", "b.xml"),
        {"xl/a.xml": "first", "xl/b.xml": "second"},
    )
    assert open_table(raw, "xlsx").columns == ("first",)


def test_a_sheet_is_visible_unless_it_says_otherwise():
    raw = book(
        '<sheet sheetId="9"/><sheet name="Nowhere" sheetId="8" r:id="r8"/>'
        + sheet_tag("A", 1)
        + sheet_tag("B", 2, "visible"),
        "<Relationship/>" + relation(1, "worksheet", "a.xml") + relation(2, "worksheet", "b.xml"),
        {"xl/a.xml": "first", "xl/b.xml": "second"},
    )
    assert open_table(raw, "xlsx").columns == ("first",)
    with pytest.raises(UnreadableError, match="there is no sheet 'x'; available sheets: 'A', 'B'"):
        open_table(raw, "xlsx", sheet="x")


DAMAGED = "the workbook is damaged; open it in a spreadsheet and save it again"
NO_WORKBOOK = "this is not an XLSX workbook"
BROKEN = [
    (book("", "", {}), DAMAGED),
    (book(sheet_tag("A", 1), relation(1, "worksheet", "a.xml"), {}), DAMAGED),
    (book(sheet_tag("A", 9), relation(1, "worksheet", "a.xml"), {"xl/a.xml": "a"}), DAMAGED),
    (rewritten({"x": "y"}), NO_WORKBOOK),
    (rewritten({"Index.zip": ""}), "this is a Numbers file; export it as Excel or CSV"),
    (rewritten({"xl/workbook.bin": ""}), "this is a binary workbook (.xlsb); save it as XLSX"),
    (
        rewritten({"word/document.xml": ""}),
        "this is a Word document; save the table as XLSX or CSV",
    ),
    (make_workbook("<worksheet>" + "<x>" * 64), DAMAGED),
]


@pytest.mark.parametrize(("raw", "sentence"), BROKEN)
def test_archives_that_are_refused(raw, sentence):
    assert refusal(raw, "xlsx") == sentence


def test_elements_may_be_64_deep_and_no_deeper():
    def nested(levels):  # below <worksheet> and <sheetData>
        return make_workbook(make_sheet([["a"]], xml="<x>" * levels + "</x>" * levels))

    assert open_table(nested(62), "xlsx").columns == ("a",)
    assert refusal(nested(63), "xlsx") == DAMAGED


def test_an_encrypted_workbook_is_named():
    raw = bytearray(make_workbook(make_sheet([["a"]])))
    at = raw.index(b"PK\x01\x02")  # the first entry of the directory, whose flags stand at 8
    raw[at + 8] |= 1
    sentence = "the workbook is encrypted; save it without a password"
    assert refusal(bytes(raw), "xlsx") == sentence


def test_a_workbook_is_limited_when_it_is_unpacked():
    raw = make_workbook(make_sheet([["a"]]))
    size = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(raw)).infolist())
    assert open_table(raw, "xlsx", limits=Limits(unpacked_bytes=size)).columns == ("a",)
    sentence = refusal(raw, "xlsx", limits=Limits(unpacked_bytes=size - 1))
    assert sentence == "the workbook is larger than 0 MiB when unpacked; split it"
    large = make_workbook(make_sheet([["a"]]), more={"xl/media/x": "x" * 3 * 1024**2})
    sentence = refusal(large, "xlsx", limits=Limits(unpacked_bytes=2 * 1024**2))
    assert sentence == "the workbook is larger than 2 MiB when unpacked; split it"


def test_tags_of_a_part_are_counted_before_it_is_parsed():
    # worksheet, dimension, sheetData, row, c, is, t, and the ends of six.
    raw = make_workbook(make_sheet([["a"]]))
    limits = Limits(values=11)  # 1.25 tags a value
    assert open_table(raw, "xlsx", limits=limits).columns == ("a",)
    sentence = refusal(raw, "xlsx", limits=Limits(values=10))
    assert sentence == "the workbook has more than 2 values; split it"


STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts>'
    '<numFmt numFmtId="164" formatCode="0;yy"/><numFmt numFmtId="165" formatCode="\\d0"/>'
    '<numFmt numFmtId="166" formatCode="_d0*d"/><numFmt numFmtId="167" formatCode="[SS]"/>'
    '<numFmt numFmtId="168" formatCode="[$-409]0"/><numFmt numFmtId="169" formatCode="H"/>'
    '<numFmt numFmtId="14" formatCode="0"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="15"/></cellStyleXfs><cellXfs>'
    + "".join(f'<xf numFmtId="{n}"/>' for n in (*range(164, 170), 14, 13, 15, 22, 23, 26, 27, 36, 37, 44, 45, 47, 48, 49, 50, 58, 59, "0014"))
    + '<xf/></cellXfs><cellStyles><xf numFmtId="15"/></cellStyles></styleSheet>'
)  # fmt: skip
IS_DAY = [
    (0, False), (1, False), (2, False), (3, True), (4, False), (5, True), (6, False), (7, False),
    (8, True), (9, True), (10, False), (11, False), (12, True), (13, True), (14, False),
    (15, False), (16, True), (17, True), (18, False), (19, False), (20, True), (21, True),
    (22, False), (23, False), (24, False), (25, False), (99, False), ("x", False), ("000003", False),
]  # fmt: skip


@pytest.mark.parametrize(("style", "is_day"), IS_DAY)
def test_which_formats_are_days(style, is_day):
    xml = f'<row><c s="{style}"><v>45293</v></c></row>'
    raw = make_workbook(make_sheet([["a"]], xml=xml), styles=STYLES)
    assert read(raw, "xlsx") == [(2, {"a": "2024-01-02" if is_day else "45293"})]


NUMBERS = [
    ("<c s='3'><v>0</v></c>", "00:00:00"), ("<c s='3'><v>0.999</v></c>", "23:58:34"),
    ("<c s='3'><v>1</v></c>", "1900-01-01"), ("<c s='3'><v>59</v></c>", "1900-02-28"),
    ("<c s='3'><v>60</v></c>", "1900-03-01"), ("<c s='3'><v>61</v></c>", "1900-03-01"),
    ("<c s='3'><v>45293.25</v></c>", "2024-01-02 06:00:00"),
    ("<c s='3'><v>45293.0007</v></c>", "2024-01-02 00:01:00"),
    ("<c s='3'><v>45293.00001</v></c>", "2024-01-02 00:00:01"),
    ("<c s='3'><v>2958465</v></c>", "9999-12-31"), ("<c s='3'><v>2958466</v></c>", "2958466"),
    ("<c s='3'><v>-1</v></c>", "-1"), ("<c><v> 7 </v></c>", "7"), ("<c><v>-7.0</v></c>", "-7"),
    ("<c><v>999999999999999</v></c>", "999999999999999"),
    ("<c><v>1000000000000000</v></c>", "1e+15"), ("<c><v>-1000000000000000</v></c>", "-1e+15"),
    ("<c><v>0.1234567890123456</v></c>", "0.123456789012346"), ("<c><v>x</v></c>", "x"),
    ("<c t='b'><v> 1 </v></c>", "TRUE"), ("<c t='b'><v>2</v></c>", "FALSE"),
    ("<c t='s'><v> 0 </v></c>", "A_x"), ("<c t='s'><v>3</v></c>", "refers to a string that the workbook does not contain"),
    ("<c t='s'><v>x</v></c>", "refers to a string that the workbook does not contain"),
    ("<c t='s'><v>00000000000000000000</v></c>", "refers to a string that the workbook does not contain"),
    ("<c t='s'><v>0000000000000000000</v></c>", "A_x"),
    ("<c t='str'><v>_x0041__x00e9__x1_</v></c>", "Aé_x1_"),
    ("<c t='str'><f>1</f><v></v></c>", None),
    ("<c t='inlineStr'><is><t>a</t><rPh><t>b</t></rPh><t>c</t></is></c>", "ac"),
    ("<c><f>1</f></c>", "contains a formula without a stored value; open the workbook in a spreadsheet and save it"),
]  # fmt: skip
STRINGS = (
    f'<sst xmlns="{MAIN}"><si><rPh><t>no</t></rPh><t>_x0041_</t>junk<t>_x</t></si><si/><si/></sst>'
)


@pytest.mark.parametrize(("cell", "text"), NUMBERS)
def test_a_cell_is_the_text_that_it_shows(cell, text):
    xml = f"<row>{cell}<c t='str'><v>x</v></c></row>"
    raw = make_workbook(make_sheet([["a", "b"]], xml=xml), styles=STYLES, strings=STRINGS)
    [(_, row)] = read(raw, "xlsx")
    shown = row["a"] if isinstance(row["a"], str) else str(row["a"].reason)
    assert (shown, row["b"]) == (text or "", "x")


@pytest.mark.parametrize(
    ("book_tags", "text"),
    [
        ('<workbookPr date1904="1"/>', "2024-01-02"),
        ('<workbookPr date1904="true"/>', "2024-01-02"),
        ('<workbookPr date1904="on"/>', "2024-01-02"),
        ('<workbookPr date1904="0"/>', "2020-01-01"),
        ("<workbookPr/>", "2020-01-01"),
        ("", "2020-01-01"),
    ],
)
def test_from_which_year_days_are_counted(book_tags, text):
    xml = '<row><c s="3"><v>43831</v></c></row>'
    raw = make_workbook(make_sheet([["a"]], xml=xml), styles=STYLES, book=book_tags)
    assert read(raw, "xlsx") == [(2, {"a": text})]


@pytest.mark.parametrize("tag", ["xf", "numFmt"])
def test_styles_are_limited(tag, monkeypatch):
    monkeypatch.setattr(workbook_cells, "MOST_STYLES", 3)

    def raw(count):
        # Another tag follows, at which the limit is seen.
        tags = "".join(f'<{tag} numFmtId="{n}"/>' for n in range(count))
        styles = f"<styleSheet><cellXfs>{tags}<x/></cellXfs></styleSheet>"
        return make_workbook(make_sheet([["a"]]), styles=styles)

    assert open_table(raw(3), "xlsx").columns == ("a",)
    assert refusal(raw(4), "xlsx") == DAMAGED


def places(xml, **options):
    return read(make_workbook(make_sheet([["a", "b", "c"]], xml=xml)), "xlsx", **options)


def test_where_cells_and_rows_say_they_are():
    v = "<v>1</v></c>"
    assert places(f'<row r="2"><c r="C2">{v}</row>') == [(2, {"a": "", "b": "", "c": "1"})]
    assert places(f'<row r="5"><c>{v}<c>{v}<c>{v}</row>') == [(5, {"a": "1", "b": "1", "c": "1"})]
    assert places(f'<row><c r="B1">{v}<c>{v}</row>') == [(2, {"a": "", "b": "1", "c": "1"})]
    assert places(f'<row><c r="b1">{v}</row>') == [(2, {"a": "1", "b": "", "c": ""})]
    assert places(f'<row r="x"><c>{v}</row><row><c>{v}</row>')[1][0] == 3
    assert places(f'<row r="{"0" * 19}9"><c>{v}</row>')[0][0] == 2
    assert places(f'<row r="{"0" * 18}9"><c>{v}</row>')[0][0] == 9
    assert places(f'<row r="1048576"><c>{v}</row>')[0][0] == 1_048_576
    with pytest.raises(
        UnreadableError, match="refers to row 1,048,577, but a sheet has at most 1,048,576 rows"
    ):
        places(f'<row r="1048577"><c>{v}</row>')


def test_columns_and_characters_of_a_sheet_are_limited():
    limits = Limits(columns=27, cell_characters=3)
    assert places('<row><c r="D2"><v></v></c></row>', limits=limits) == []
    assert places('<row><c r="AA2"><v>1</v></c></row>', limits=limits) == [
        (2, "has more cells (27) than the header (3)")
    ]
    with pytest.raises(
        UnreadableError, match="row 2 has a value in column 28; a table has at most 27"
    ):
        places('<row><c r="AB2"><v>1</v></c></row>', limits=limits)
    with pytest.raises(UnreadableError, match="row 2 has a value in column 18,278; a table has at"):
        places('<row><c r="ZZZ2"><v>1</v></c></row>', limits=limits)
    text = '<row><c t="str"><v>{}</v></c><c t="str"><v>xyz</v></c></row>'
    assert places(text.format("xyz"), limits=limits) == [(2, {"a": "xyz", "b": "xyz", "c": ""})]
    with pytest.raises(
        UnreadableError, match=r"^the workbook has a cell of more than 3 characters"
    ):
        places(text.format("wxyz"), limits=limits)


def test_rows_of_sheets_are_limited_and_named():
    raw = make_workbook(make_sheet([["a"], ["1"], ["2"]]))
    assert len(read(raw, "xlsx", limits=Limits(records=2))) == 2
    assert refusal(raw, "xlsx", limits=Limits(records=1)) == (
        "the file has more than 1 rows below its header; split it"
    )
    table = open_table(raw, "xlsx")
    assert (table.unit, table.header_line, table.notes) == ("row", 1, ())
    assert [record.missing for record in table] == [(), ()]
    unusable = make_sheet(xml='<row r="3"><c t="s"><v>1</v></c></row>')
    assert refusal(make_workbook(unusable), "xlsx") == (
        "the header (row 3): a name refers to a string that the workbook does not contain"
    )


# --- Files, sentences and values ------------------------------------------------------------------


def test_formats_by_the_ends_of_names():
    assert [detect_format(f"x.{end}") for end in ("TSV", "tab", "ndjson", "YML", "xlsm")] == [
        "csv", "csv", "jsonl", "yaml", "xlsx",
    ]  # fmt: skip
    assert detect_format("x.txt") is None
    assert detect_format("csv") is None


def test_the_size_of_files_is_limited():
    limits = Limits(size_bytes=2 * 1024**2)
    exact = b"x" * limits.size_bytes
    assert read_bytes(io.BytesIO(exact), limits) == exact
    with pytest.raises(UnreadableError, match=r"^the file is larger than 2 MiB; split it$"):
        read_bytes(io.BytesIO(exact + b"x"), limits)


def test_the_system_s_own_words_say_why_a_file_cannot_be_read():
    class Broken(io.BytesIO):
        def __init__(self, *words):
            self.words = words

        def read(self, *_):
            raise OSError(*self.words)

    with pytest.raises(UnreadableError, match=r"^no number$"):
        read_bytes(Broken("no number"), Limits())
    with pytest.raises(UnreadableError, match=r"^Is a directory$"):
        read_bytes(Broken(21, "Is a directory"), Limits())


def test_texts_of_files_inside_sentences():
    assert quoted("x" * 60) == f"'{'x' * 60}'"
    assert quoted("x" * 61) == f"'{'x' * 60}…'"
    assert clean("a\nb\x1b[2J\u202e") == r"a\nb\x1b[2J\u202e"
    assert listed([]) == "nothing"
    names = [str(number) for number in range(21)]
    assert listed(names[:2]) == "'0', '1'"
    assert listed(names[:20]).endswith("'18', '19'")
    assert listed(names).endswith("'18', '19' and 1 more")
    same = Sentence("place.line", number=3)
    assert same == Sentence("line 3")
    assert hash(same) == hash(Sentence("line 3"))
    assert same != "line 3"
    assert repr(same) == "Sentence('line 3')"
    assert str(UnreadableError(same)) == str(UnreadableError("place.line", number=3))


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = [value]
    return value


def named(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


PLAIN = [
    (date(2024, 1, 2), "2024-01-02"),
    (datetime(2024, 1, 2, 3, 4), "2024-01-02T03:04:00"),
    (time(3, 4), "03:04:00"),
    ({"a": [1, 1.5, None, True, "x"]}, {"a": [1, 1.5, None, True, "x"]}),
    (2**4096 - 1, 2**4096 - 1),
    (-(2**4096) + 1, -(2**4096) + 1),
    (nested(100), nested(100)),
    (named(100), named(100)),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN)
def test_values_that_json_has(value, expected):
    assert plain(value) == expected


UNFIT = [
    (2**4096, "contains a number with more than 1,200 digits; write it as a string"),
    (math.inf, "contains a number that is not finite, which JSON cannot represent"),
    (math.nan, "contains a number that is not finite, which JSON cannot represent"),
    ([b"x"], "contains a value of type bytes, which JSON cannot represent"),
    ({1: 2}, "contains a key that is a number, not a string; put it in quotes"),
    ({None: 2}, "contains a key that is empty (null), not a string; put it in quotes"),
    ({True: 2}, "contains a key that is true or false, not a string; put it in quotes"),
    ("a\0", "contains a NUL character; remove it"),
    ({"a\0": 1}, "contains a NUL character; remove it"),
    (["\ud800"], "contains half of a surrogate pair, which is not a character"),
    (named(101), "is nested deeper than 100 levels"),
    (nested(101), "is nested deeper than 100 levels"),
    ({"a": nested(100)}, "is nested deeper than 100 levels"),
    (InvalidValue(reason=Sentence("is odd")), "is odd"),
]


@pytest.mark.parametrize(("value", "sentence"), UNFIT)
def test_values_that_json_or_the_database_has_not(value, sentence):
    with pytest.raises(UnsupportedValueError) as caught:
        plain(value)
    assert str(caught.value) == sentence


def test_kinds_of_values():
    kinds = [str(kind(value)) for value in (None, True, 1, 1.5, "", [], {}, b"")]
    assert kinds == [
        "empty (null)", "true or false", "a number", "a number", "a string", "a list", "an object",
        "a value of type bytes",
    ]  # fmt: skip
