"""Readers of prompts: which files are read, which rows are rejected, and every sentence of both."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.importing import (
    FORMATS,
    READERS,
    SUFFIXES,
    ColumnNames,
    Rejection,
    Row,
    Source,
    UnreadableError,
)

DATA = Path(__file__).parent / "data" / "prompts.csv"


def read(text: str | bytes, file_format: str = "csv", **names):
    data = text if isinstance(text, bytes) else text.encode()
    return list(READERS[file_format](Source(io.BytesIO(data)), ColumnNames(**names)))


def test_every_suffix_is_of_a_format_that_has_a_reader():
    assert set(SUFFIXES.values()) == set(FORMATS) == set(READERS)


GOOD = [
    ("csv", "title,content\na,b\n"),
    ("csv", "title,content\na,b"),
    ("csv", "\ufeffname;prompt\na;b\n"),
    ("csv", "Act\tTEXT\na\tb\n"),
    ("csv", " title , Content \na,b\n"),
    ("csv", '"title","content"\r\n"a","b"\r\n'),
    ("csv", '\ufeff"title";"content"\r\n"a";"b"\r\n'),
    ("csv", "\n \ntitle,content\n\na,b\n   \n\n"),
    ("json", '[{"title": "a", "content": "b"}]'),
    ("json", '\ufeff\n{"v": {"w": [1]}, "prompts": [{"name": "a", "text": "b"}], "n": null}\n'),
    ("jsonl", '\n{"name": "a", "text": "b"}\r\n\n'),
    ("jsonl", '\ufeff{"ACT": "a", "Prompt": "b"}'),
    ("yaml", "- title: a\n  content: b\n"),
    ("yaml", "prompts:\n- title: a\n  content: b\nmore: 1\n"),
    ("yaml", "---\ntitle: a\nprompt: b\n---\n"),
    ("yaml", "\ufeff# first a comment\n- {act: a, text: b}\n"),
]


@pytest.mark.parametrize(("file_format", "text"), GOOD)
def test_columns_are_recognised(file_format, text):
    [row] = read(text, file_format)
    assert (row.title, row.content, row.metadata) == ("a", "b", {})


METADATA = [
    ("csv", "act,prompt,for_devs,type\na,b,TRUE,\n", {"for_devs": "TRUE", "type": ""}),
    ("csv", ",title,content,\n1,a,b,\n", {"column 1": "1"}),
    (
        "csv",
        "title,content,status,tags,user_id\na,b,x,y,z\n",
        {"status": "x", "tags": "y", "user_id": "z"},
    ),
    (
        "json",
        '[{"title":"a","content":"b","n":1,"f":0.5,"l":[true,null],"t":"日本","o":{"k":{}}}]',
        {"n": 1, "f": 0.5, "l": [True, None], "t": "日本", "o": {"k": {}}},
    ),
    (
        "yaml",
        "- {title: a, content: b, day: 2026-11-24, at: 2026-11-24T01:02:03Z, x: NO, e: }\n",
        {"day": "2026-11-24", "at": "2026-11-24T01:02:03Z", "x": "NO", "e": None},
    ),
    ("yaml", "- {title: a, content: b, x: &x [1], y: *x}\n", {"x": [1], "y": [1]}),
    ("yaml", "- {<<: {x: 1, y: 2}, title: a, content: b, x: 3}\n", {"x": 3, "y": 2}),
]


@pytest.mark.parametrize(("file_format", "text", "metadata"), METADATA)
def test_every_other_column_is_metadata_with_its_type(file_format, text, metadata):
    [row] = read(text, file_format)
    assert row.metadata == metadata
    assert json.loads(json.dumps(row.metadata)) == metadata


PICKS = [
    ("act,title,text,content", {}, ("title", "content")),
    ("act,name,text,prompt", {}, ("name", "prompt")),
    ("Title,title,content", {}, ("title", "content")),
    ("title,q,a", {"title": "q", "content": "a"}, ("q", "a")),
    ("title,Q,a", {"title": " q ", "content": "a"}, ("Q", "a")),
    # A column that is named for the title is not recognised as the content, and the reverse.
    ("prompt,text", {"title": "prompt"}, ("prompt", "text")),
    ("title,name", {"content": "title"}, ("name", "title")),
    # What the delimiter is, the columns say, not the number of signs.
    ("title;content;a,b,c,d,e", {}, ("title", "content")),
    ("title,content,a;b;c;d;e;f", {}, ("title", "content")),
    ("q;r;s", {"title": "q", "content": "s"}, ("q", "s")),
    ('"title";"the, content"', {"content": "the, content"}, ("title", "the, content")),
]


@pytest.mark.parametrize(("header", "names", "picked"), PICKS)
def test_which_columns_are_picked(header, names, picked):
    delimiter = "," if header.startswith(("act", "Title", "title,", "prompt")) else ";"
    columns = next(csv.reader([header], delimiter=delimiter))
    line = delimiter.join(f"c{place}" for place in range(len(columns)))
    [row] = read(f"{header}\n{line}\n", **names)
    assert (row.title_column, row.content_column) == picked
    assert row.title == f"c{columns.index(picked[0])}"
    assert row.content == f"c{columns.index(picked[1])}"


LINES = [
    ("csv", 'title,content\r\na,"1\r\n2\r\n3"\r\nb,c,d\r\n\r\ne,f\r\n', [2, 5, 7]),
    ("csv", '\n\n"title","content","x\ny"\na,b,c\n\nd,"e\n",f\ng,h,i\n', [5, 7, 9]),
    ("json", '[\n{"title":"a",\n"content":"b"},\n\n{"title":"c","content":"d"}, {}\n]', [2, 5, 5]),
    ("jsonl", '\n{"title":"a","content":"b"}\n\n{"title":"c","content":"d"}\n{}', [2, 4, 5]),
    ("yaml", "# x\n- title: a\n  content: |\n    b\n\n- {title: c, content: d}\n- 1\n", [2, 6, 7]),
    ("yaml", "title: a\ncontent: b\n---\ntitle: c\ncontent: d\n---\n- {}\n", [1, 4, 7]),
]


@pytest.mark.parametrize(("file_format", "text", "lines"), LINES)
def test_rows_and_rejections_know_the_line_where_they_begin(file_format, text, lines):
    assert [row.line for row in read(text, file_format)] == lines


def test_cells_are_kept_as_they_are():
    rows = read('title,content\r\na,"1\r\n2\n3"\r\n b , say "hi" {x} \r\nc,"""q"""\r\n')
    assert [(row.title, row.content) for row in rows] == [
        ("a", "1\r\n2\n3"),
        (" b ", ' say "hi" {x} '),
        ("c", '"q"'),
    ]


UNREADABLE = [
    ("csv", "", "the file is empty; its first row must name the columns"),
    ("csv", "\n \n", "the file is empty; its first row must name the columns"),
    (
        "csv",
        "x,y\n1,2\n",
        "no column was recognised as the title (title, name, act); available columns: 'x', 'y'. "
        "Choose one with --title-column",
    ),
    (
        "csv",
        "title,y\n1,2\n",
        "no column was recognised as the content (content, prompt, text); available "
        "columns: 'title', 'y'. Choose one with --content-column",
    ),
    (
        "csv",
        "title,name\n1,2\n",
        "no column was recognised as the content (content, prompt, text); available "
        "columns: 'title', 'name'. Choose one with --content-column",
    ),
    ("csv", "title,title,text\n", "the header (line 1) names the column 'title' twice; rename"),
    (
        "csv",
        'title,content\na,"b\nc\n',
        "the record that begins on line 2 opens a quote that is never closed",
    ),
    (
        "csv",
        '"title,content\n',
        "the record that begins on line 1 opens a quote that is never closed",
    ),
    (
        "csv",
        'title,content\na,"b\n"c\nd,e\n',
        "the record that begins on line 2 has text after a closing quote on line 3; "
        "double the quotes inside a quoted cell",
    ),
    (
        "csv",
        "title,content\na,b\rc,d\n",
        "the record that begins on line 2 contains a carriage return outside quotes; "
        "quote cells that contain one",
    ),
    (
        "csv",
        b"title,content\na,b\n\xff,c\n",
        "line 3 is not valid UTF-8, UTF-16 or CP932",
    ),
    ("csv", "title,content\n".encode("utf-32"), "UTF-32 files are not supported"),
    ("json", b'[\n{"title": "\xff"}]', "line 2 is not valid UTF-8, UTF-16 or CP932"),
    ("json", "[{]", "line 1, column 3: not valid JSON (Expecting property name"),
    ("json", '[{"a": 1},]', "line 1, column 11: not valid JSON (Expecting value)"),
    (
        "json",
        '{"a": 1}',
        "no column was recognised as the title (title, name, act); available columns: 'a'",
    ),
    (
        "json",
        '{"prompts": 1}',
        "no column was recognised as the title (title, name, act); available columns: 'prompts'",
    ),
    ("json", '{"prompts": [] "a": 1}', "line 1, column 16: expected , or } after a value"),
    ("json", '{"prompts" []}', "line 1, column 12: expected : after a key"),
    ("json", "{a: 1}", "line 1, column 2: expected a key in double quotes"),
    (
        "json",
        '"text"',
        "line 1, column 1: the file must be a JSON list of objects in square brackets",
    ),
    ("json", "[{}\n{}]", "line 2, column 1: expected , or ] after an object"),
    ("json", "[{}", "line 1, column 4: expected , or ] after an object"),
    ("json", "[{}] x", "line 1, column 6: unexpected text after the end of the list"),
    (
        "json",
        f"[{'[' * 99_999}{']' * 99_999}]",
        "line 1, column 2: the value that begins here is nested deeper than 100 levels",
    ),
    ("json", " ", "the file is empty; it must be a list of objects"),
    (
        "json",
        '[{"Titel": "a", "content": "b"}]',
        "no column was recognised as the title (title, name, act); available columns: 'Titel', "
        "'content'. Choose one with --title-column",
    ),
    ("jsonl", "\n", "the file is empty; each line must be an object"),
    ("yaml", "- a: [\n", "line 2, column 1: not valid YAML (did not find expected node content)"),
    ("yaml", "- *a\n", "line 1, column 3: the anchor 'a' is not defined before this alias"),
    (
        "yaml",
        "just text",
        "line 1, column 1: the file must be a list of mappings, or one mapping per document",
    ),
    (
        "yaml",
        "- 日本\n- \x07\n",
        "line 2 contains the character U+0007, which YAML only allows as an escape in "
        "double quotes",
    ),
    ("yaml", f"- {'[' * 5000}{']' * 5000}", "line 1, column 103: is nested deeper than 100 levels"),
    ("yaml", "", "the file is empty; it must be a list of mappings"),
    ("yaml", "# nothing\n---\n", "the file is empty; it must be a list of mappings"),
]


@pytest.mark.parametrize(("file_format", "text", "sentence"), UNREADABLE)
def test_what_cannot_be_read_is_said_with_its_place(file_format, text, sentence):
    with pytest.raises(UnreadableError) as refusal:
        read(text, file_format)
    assert sentence in str(refusal.value)


WRONG_NAMES = [
    (
        {"content": "contnet"},
        "there is no column 'contnet' for the content (did you mean 'content'?); "
        "available columns: 'title', 'content'",
    ),
    (
        {"title": "zzz"},
        "there is no column 'zzz' for the title; available columns: 'title', 'content'",
    ),
    ({"title": ""}, "there is no column '' for the title; available columns: 'title', 'content'"),
    (
        {"title": "title", "content": "TITLE"},
        "the column 'title' cannot be both title and content; choose another with "
        "--title-column or --content-column",
    ),
]


@pytest.mark.parametrize(("names", "sentence"), WRONG_NAMES)
def test_a_wrong_name_is_refused_alike_in_every_format(names, sentence):
    record = {"title": "a", "content": "b"}
    files = {
        "csv": "title,content\na,b\n",
        "json": json.dumps([record]),
        "jsonl": json.dumps(record),
        "yaml": yaml.safe_dump(record, sort_keys=False),
    }
    for file_format, text in files.items():
        with pytest.raises(UnreadableError) as refusal:
            read(text, file_format, **names)
        assert str(refusal.value).removeprefix("line 1, the header: ") == sentence


def test_what_a_file_holds_neither_floods_nor_drives_the_terminal():
    with pytest.raises(UnreadableError) as refusal:
        read(",".join([f'"\x1b[31m\n{"x" * 99}"', *(f"c{n}" for n in range(40))]) + "\n")
    sentence = str(refusal.value)
    assert "\x1b" not in sentence
    assert "\n" not in sentence
    assert r"'\x1b[31m\n" + "x" * 54 + "…', 'c0'" in sentence
    assert sentence.endswith("'c18' and 21 more. Choose one with --title-column")
    shown = str(Rejection(line=2, column="a\nb", reason="“\x1b[2J” is taken"))
    assert shown == r"line 2, column a\nb: “\x1b[2J” is taken"


OPEN, CLOSE, NINE = "[", "]", "9"
OK = '{"title": "x", "content": "y"}'  # a title and a content: the file as a whole is right
REJECTED = [
    ("csv", "title,content\na\n", "line 2: has fewer cells (1) than the header (2)"),
    ("csv", "title,content\na,b,c\n", "line 2: has more cells (3) than the header (2)"),
    ("csv", "title,content,x\na,b,\0\n", "line 2, column x: contains a NUL character; remove it"),
    (
        "json",
        f'[{OK}, {{"content": "b"}}]',
        "line 1, column title: is missing; the record has 'content'",
    ),
    ("json", f"[{OK}, {{}}]", "line 1, column title: is missing; the record has nothing"),
    (
        "json",
        '[\n{"title": 1, "content": "b"}]',
        "line 2, column title: must be a string, not a number; put it in quotes",
    ),
    (
        "json",
        '[{"title": "a", "text": null}]',
        "line 1, column text: must be a string, not empty (null)",
    ),
    (
        "json",
        '[{"title": ["a"], "text": ""}]',
        "line 1, column title: must be a string, not a list",
    ),
    ("json", "[[]]", "line 1: must be an object with names and values, not a list"),
    (
        "json",
        '[{"title":"a","text":"b","x":"\\u0000"}]',
        "line 1, column x: contains a NUL character; remove it",
    ),
    (
        "json",
        '[{"title":"a","text":"b","x":{"\\ud800":1}}]',
        "line 1, column x: contains half of a surrogate pair, which is not a character",
    ),
    (
        "json",
        '[{"title":"a","text":"b","\\ud800":1}]',
        r"line 1, column \ud800: contains half of a surrogate pair, which is not a character",
    ),
    ("json", f'[{OK}, {{"a":1,"a":2}}]', "line 1: contains the key 'a' twice in one object"),
    (
        "json",
        '[{"title":"a","text":"b","x":{"k":1,"k":2}}]',
        "line 1, column x: contains the key 'k' twice in one object",
    ),
    (
        "json",
        '[{"title":{"k":1,"k":2},"text":"b"}]',
        "line 1, column title: contains the key 'k' twice in one object",
    ),
    (
        "json",
        '[{"title":"a","text":"b","x":[NaN]}]',
        "line 1, column x: contains a number that is not finite, which JSON cannot represent",
    ),
    (
        "json",
        '[{"title":"a","text":"b","x":1e999}]',
        "line 1, column x: contains a number that is not finite, which JSON cannot represent",
    ),
    (
        "json",
        f'[{{"title":"a","text":"b","x":{NINE * 5000}}}]',
        ("line 1, column x: contains a number with more than 1,200 digits; write it as a string"),
    ),
    (
        "json",
        f'[{{"title":"a","text":"b","x":{OPEN * 101}{CLOSE * 101}}}]',
        "line 1, column x: is nested deeper than 100 levels",
    ),
    (
        "jsonl",
        f"{OK}\n{{oops\n",
        "line 2: is not valid JSON at character 2 (Expecting property name enclosed in "
        "double quotes)",
    ),
    ("jsonl", f"{OK}\n[1]", "line 2: must be an object with names and values, not a list"),
    ("jsonl", f"{OK}\n{'[' * 99_999}", "line 2: is nested deeper than 100 levels"),
    (
        "yaml",
        "- {title: a, content: b, x: .nan}",
        "line 1, column x: contains a number that is not finite, which JSON cannot represent",
    ),
    (
        "yaml",
        f"- {{title: a, content: b, x: !!str 0x{'f' * 2000}, y: [.inf]}}",
        "line 1, column y: contains a number that is not finite, which JSON cannot represent",
    ),
    (
        "yaml",
        "- {title: a, content: b, x: !!set {a}}",
        "line 1: contains a value with the tag 'tag:yaml.org,2002:set', which is not supported",
    ),
    (
        "yaml",
        "- {title: a, content: b, x: {[1]: a}}",
        "line 1: contains a key that is a list or a mapping, not a string",
    ),
    (
        "yaml",
        "- {title: a, title: b, content: c}",
        "line 1: contains the key 'title' twice in one mapping",
    ),
    ("yaml", "- text", "line 1: must be an object with names and values, not a string"),
    (
        "yaml",
        "- {title: a, content: b}\n-",
        "line 2: must be an object with names and values, not empty (null)",
    ),
    (
        "yaml",
        "- !!python/object/apply:os.system [x]",
        "line 1: contains a value with the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system', which is not supported",
    ),
    (
        "yaml",
        "- &a {title: a, content: b, x: [*a]}",
        "line 1: contains an alias inside the value it repeats",
    ),
]


@pytest.mark.parametrize(("file_format", "text", "sentence"), REJECTED)
def test_a_bad_record_is_rejected_with_its_place(file_format, text, sentence):
    shown = str(read(text, file_format)[-1])
    assert shown.removeprefix("record 1, ").removeprefix("record 2, ") == sentence


def test_a_bad_record_leaves_the_next_one_alone():
    bad = "- {title: a, content: b, d: !!set {a}, e: &e [1]}\n"
    _, row = read(f"{bad}- {{title: c, content: d, e: *e}}\n", "yaml")
    assert row.metadata == {"e": [1]}


def test_aliases_of_aliases_do_not_fill_the_memory():
    lines = ["- &a0 {title: t, content: c, x: y}"]
    for n in range(1, 12):
        aliases = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"- &a{n} {{title: t, content: c, x: [{aliases}]}}")
    with pytest.raises(UnreadableError) as refusal:
        for _ in READERS["yaml"](Source(io.BytesIO("\n".join(lines).encode())), ColumnNames()):
            pass
    assert str(refusal.value) == (
        "line 7: with its aliases expanded, the file is larger than 64 MiB"
    )


class Failing(io.RawIOBase):
    """A disk that fails."""

    def readable(self):
        return True

    def readinto(self, buffer):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_disk_that_fails_is_a_sentence(file_format):
    source = Source(io.BufferedReader(Failing()))
    with pytest.raises(UnreadableError, match=r"^Input/output error$"):
        list(READERS[file_format](source, ColumnNames()))


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=100)
@given(title=ANY_TEXT.filter(str.strip), content=ANY_TEXT)
def test_any_text_comes_through_every_format(title, content):
    record = {"title": title, "content": content}
    table = io.StringIO()
    csv.writer(table).writerows([list(record), list(record.values())])
    files = {
        "csv": table.getvalue(),
        "json": json.dumps([record], ensure_ascii=False),
        "jsonl": json.dumps(record),
        # In quotes: plain, 0E0 is a text to YAML 1.1, which PyYAML writes, and a number to 1.2.
        "yaml": yaml.safe_dump([record], allow_unicode=False, default_style='"'),
    }
    for file_format, text in files.items():
        [row] = read(text, file_format)
        assert isinstance(row, Row)
        assert (row.title, row.content) == (title, content)


@settings(max_examples=200)
@given(data=st.binary(max_size=200), file_format=st.sampled_from(FORMATS))
def test_any_bytes_are_rows_rejections_or_one_sentence(data, file_format):
    try:
        lines = [str(row) for row in read(data, file_format) if isinstance(row, Rejection)]
    except UnreadableError as error:
        lines = [str(error)]
    assert all(line.isprintable() for line in lines)


def test_the_example_file_is_read_whole():
    rows = read(DATA.read_bytes())
    assert len(rows) == 36
    by_title = {row.title: row for row in rows}
    assert by_title["Double braces"].content == "Greet {{ name }} and keep {{{ raw }}} as it is."
    assert by_title["Windows breaks"].content == "First line\r\nSecond line\r\n\r\nFourth line"
    assert by_title["会議の要約"].metadata == {"language": "ja", "contributor": "Tomo"}


def test_yaml_is_read_alike_where_it_is_not_parsed_in_c():
    program = (
        "import sys; sys.modules['yaml._yaml'] = None\n"
        "import io, yaml; assert not yaml.__with_libyaml__\n"
        "from prompts.importing import READERS, ColumnNames, Source\n"
        "text = b'- {title: a, content: b, x: &x [1]}\\n- {title: c, content: d, y: *x}'\n"
        "text += b'\\n- {a: 1, a: 2}'\n"
        "for row in READERS['yaml'](Source(io.BytesIO(text)), ColumnNames()): print(row)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert "metadata={'x': [1]}" in first
    assert "metadata={'y': [1]}" in second
    assert third == ("record 3, line 3: contains the key 'a' twice in one mapping")
