"""`import_prompts`: what goes in, and every refusal with its line, column and reason."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts import services
from prompts.importing import READERS, ColumnNames, Rejection, Row, Source, UnreadableError
from prompts.models import Prompt

ROOT = Path(__file__).resolve().parents[2]
TITLE, CONTENT = "title", "content"


def read(text: str | bytes, file_format: str = "csv", **names):
    data = text.encode() if isinstance(text, str) else text
    return list(READERS[file_format](Source(io.BytesIO(data)), ColumnNames(**names)))


def run(path: Path | str, *options: str) -> int:
    try:
        call_command("import_prompts", str(path), *options)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.returncode
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


GOOD = [
    ("csv", "title,content\na,b\n"),
    ("csv", "\ufeffname;prompt\na;b\n"),
    ("csv", "Act\tTEXT\na\tb\n"),
    ("csv", '"title","content"\r\n"a","b"\r\n'),
    ("csv", "\n\ntitle,content\n\na,b\n\n"),
    ("json", '[{"title": "a", "content": "b"}]'),
    ("jsonl", '\n{"name": "a", "text": "b"}\n\n'),
    ("yaml", "- title: a\n  content: b\n"),
    ("yaml", "title: a\nprompt: b\n---\n"),
]


@pytest.mark.parametrize(("file_format", "text"), GOOD[:8])
def test_columns_are_recognised(file_format, text):
    [row] = read(text, file_format)
    assert (row.title, row.content, row.metadata) == ("a", "b", {})


def test_every_other_column_is_metadata_with_its_type():
    [row] = read("act,prompt,for_devs,type\na,b,TRUE,\n")
    assert row.metadata == {"for_devs": "TRUE", "type": ""}
    [row] = read('[{"title":"a","content":"b","n":1,"l":[true,null],"t":"日本"}]', "json")
    assert row.metadata == {"n": 1, "l": [True, None], "t": "日本"}
    [row] = read("- {title: a, content: b, day: 2026-11-24, at: 2026-11-24T01:02:03}\n", "yaml")
    assert row.metadata == {"day": "2026-11-24", "at": "2026-11-24T01:02:03"}


def test_of_several_candidates_the_first_known_wins():
    [row] = read("act,title,text,content\n1,2,3,4\n")
    assert (row.title, row.content, row.metadata) == ("2", "4", {"act": "1", "text": "3"})


def test_named_columns_win():
    [row] = read("title,q,a\nx,y,z\n", title="q", content="a")
    assert (row.title, row.content, row.metadata) == ("y", "z", {"title": "x"})


def test_lines_are_counted_over_quoted_breaks():
    rows = read('title,content\r\na,"1\r\n2\r\n3"\r\nb,c,d\r\n\r\ne,f\r\n')
    assert [row.line for row in rows] == [2, 5, 7]
    assert rows[0].content == "1\r\n2\r\n3"
    assert rows[1] == Rejection(line=5, column="", reason="has 3 cells, the header has 2")


UNREADABLE = [
    ("csv", "", "the file is empty"),
    ("csv", "\n \n", "the file is empty"),
    (
        "csv",
        "x,y\n1,2\n",
        "no column is recognised as the title (title, name, act); the file has 'x', 'y'; "
        "name one with --title-column",
    ),
    (
        "csv",
        "title,y\n1,2\n",
        "no column is recognised as the content (content, prompt, text); the file has 'title', "
        "'y'; name one with --content-column",
    ),
    ("csv", "title,title,text\n", "the header names the column 'title' twice; rename one of them"),
    (
        "csv",
        'title,content\na,"b\nc\n',
        "the record that begins on line 2 cannot be read (unexpected end of data); "
        "check its quotes",
    ),
    ("csv", b"title,content\na,b\n\xff,c\n", "line 3 is not UTF-8; save the file as UTF-8"),
    ("json", "[{]", "line 1, column 3: Expecting property name enclosed in double quotes"),
    ("json", "{}", "line 1, column 1: the file must be a list of objects, in square brackets"),
    ("json", "[{}\n{}]", "line 2, column 1: expected , or ] after an object"),
    ("json", "[{}] x", "line 1, column 6: something follows the end of the list"),
    ("json", '[{"a":1,"a":2}]', "line 1, column 2: the name 'a' stands twice in one object"),
    ("json", '[{"a":NaN}]', "line 1, column 2: NaN is not JSON"),
    ("json", " ", "the file is empty"),
    ("jsonl", "\n", "the file is empty"),
    ("yaml", "- a: [\n", "line 2, column 1: did not find expected node content"),
    ("yaml", "just text", "line 1: the file must be a list of mappings"),
    ("yaml", "- &a {title: x}\n- *a\n", "line 2: aliases (*a) are not taken"),
    ("yaml", "", "the file is empty"),
]


@pytest.mark.parametrize(("file_format", "text", "sentence"), UNREADABLE)
def test_what_cannot_be_read_is_said_with_its_place(file_format, text, sentence):
    with pytest.raises(UnreadableError) as refusal:
        read(text, file_format)
    assert str(refusal.value) == sentence


def test_a_misspelt_column_is_guessed():
    with pytest.raises(UnreadableError, match="did you mean 'content'"):
        read("title,content\n", content="contnet")
    with pytest.raises(UnreadableError, match="cannot be both title and content"):
        read("title,content\n", content="title")


REJECTED = [
    ("json", '[{"content": "b"}]', "line 1, column title: is missing (title, name, act)"),
    (
        "json",
        '[\n{"title": 1, "content": "b"}]',
        "line 2, column title: must be a text, not a number",
    ),
    (
        "json",
        '[{"title": "a", "text": null}]',
        "line 1, column text: must be a text, not empty (null)",
    ),
    ("json", "[[]]", "line 1: must be an object, in curly brackets"),
    (
        "json",
        '[{"title":"a","text":"b","x":"\\u0000"}]',
        "line 1, column x: holds a NUL character; remove it",
    ),
    (
        "jsonl",
        "{}\n{oops\n",
        "line 2: is not JSON at character 2 (Expecting property name enclosed in double quotes)",
    ),
    ("jsonl", '{"a": Infinity}', "line 1: Infinity is not JSON"),
    (
        "yaml",
        "- {title: a, content: b, x: .nan}",
        "line 1, column x: is not a finite number, which JSON cannot hold",
    ),
    (
        "yaml",
        "- {title: a, content: b, x: !!set {a}}",
        "line 1, column x: holds a value of type set, which JSON cannot hold",
    ),
    ("yaml", "- {title: a, title: b, content: c}", "line 1, column title: stands twice"),
    ("yaml", "- text", "line 1: must be a mapping of names to values"),
    ("yaml", "- {1: a}", "line 1: every name in an object must be a text"),
    ("yaml", "- {title: a, content: b, d: 2026-02-31}", "line 1: day is out of range for month"),
]


@pytest.mark.parametrize(("file_format", "text", "sentence"), REJECTED)
def test_a_bad_record_is_rejected_with_its_place(file_format, text, sentence):
    assert str(read(text, file_format)[-1]) == sentence


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=100)
@given(title=ANY_TEXT, content=ANY_TEXT)
def test_any_text_comes_through_every_format(title, content):
    record = {TITLE: title, CONTENT: content}
    table = io.StringIO()
    csv.writer(table).writerows([list(record), list(record.values())])
    files = {
        "csv": table.getvalue(),
        "json": json.dumps([record], ensure_ascii=False),
        "jsonl": json.dumps(record),
        "yaml": yaml.safe_dump([record], allow_unicode=False),
    }
    for file_format, text in files.items():
        [row] = read(text, file_format)
        assert isinstance(row, Row)
        assert (row.title, row.content) == (title, content)


# --- The command ----------------------------------------------------------------------------------

FILE = "act,prompt,lang\nTerminal,say {like this},en\n要約,三行で,ja\n"


@pytest.fixture
def good(tmp_path) -> Path:
    path = tmp_path / "prompts.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.mark.django_db
def test_a_file_goes_in_once(good, capsys):
    assert run(good) == 0
    assert capsys.readouterr().out == (
        f"Imported 2, skipped 0, rejected 0 (of 2 rows) from {good}.\n"
    )
    prompt = Prompt.objects.get(title="Terminal")
    assert (prompt.content, prompt.metadata) == ("say {like this}", {"lang": "en"})
    assert prompt.versions.get().content == prompt.content
    before = list(Prompt.objects.order_by("title").values())
    assert run(good) == 0
    assert run(good, "--on-duplicate", "update") == 0
    assert "skipped 2" in capsys.readouterr().out
    assert list(Prompt.objects.order_by("title").values()) == before


@pytest.mark.django_db
def test_status_and_owner_are_set(good):
    assert run(good, "--status", "active", "--user-id", "user_1") == 0
    assert set(Prompt.objects.values_list("status", "user_id")) == {("active", "user_1")}


@pytest.mark.django_db
def test_a_bad_row_in_the_middle_stops_everything(tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(f'title,content\na,b\n"{"x" * 256}",c\n ,d\ne,f\n')
    assert run(path) == 1
    output = capsys.readouterr()
    assert "line 3, column title: Ensure this value has at most 255 characters" in output.err
    assert "line 4, column title: This field cannot be blank." in output.err
    assert output.out == (
        "Nothing was imported: 2 of 4 rows were rejected. Mend them, or import the others with "
        "--partial.\n"
    )
    assert not Prompt.objects.exists()
    assert run(path, "--partial") == 1
    assert sorted(Prompt.objects.values_list("title", flat=True)) == ["a", "e"]


@pytest.mark.django_db
def test_a_row_that_the_reader_rejects_is_listed_by_the_command(tmp_path, capsys):
    path = tmp_path / "cells.csv"
    path.write_text("title,content\na,b\nc,d,e\n")
    assert run(path) == 1
    assert capsys.readouterr().err == "line 3: has 3 cells, the header has 2\n"
    assert run(path, "--partial") == 1
    assert Prompt.objects.get().title == "a"


@pytest.mark.django_db
def test_duplicates_are_updated_or_refused(good, tmp_path, capsys):
    services.create_prompt(title="Terminal", content="old", metadata={"kept": 1})
    assert run(good, "--on-duplicate", "error") == 1
    assert "line 2, column act: “Terminal”: a prompt has this title already" in (
        capsys.readouterr().err
    )
    assert run(good, "--on-duplicate", "update", "--status", "archived", "--user-id", "u") == 0
    prompt = Prompt.objects.get(title="Terminal")
    assert (prompt.content, prompt.current_version) == ("say {like this}", 2)
    assert prompt.metadata == {"kept": 1, "lang": "en"}
    assert (prompt.status, prompt.user_id) == ("archived", "u")
    assert prompt.versions.get(number=2).author == "import"


@pytest.mark.django_db
def test_a_title_twice_in_the_file_and_twice_in_the_database(tmp_path, capsys):
    path = tmp_path / "twice.csv"
    path.write_text("title,content\na,1\na,2\n")
    assert run(path) == 0
    assert Prompt.objects.get().content == "1"
    assert run(path, "--on-duplicate", "update") == 0
    assert Prompt.objects.get().content == "2"
    services.create_prompt(title="a", content="3")
    assert run(path, "--on-duplicate", "update") == 1
    assert "“a”: 2 prompts have this title; which is meant?" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_dry_run_keeps_nothing(good, capsys):
    assert run(good, "--dry-run") == 0
    assert capsys.readouterr().out.startswith("Would import 2, skipped 0, rejected 0")
    assert not Prompt.all_objects.exists()


@pytest.mark.django_db
def test_json_output_is_one_object(tmp_path, capsys):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"title": "a", "content": "b"}\n{"title": "c\\ud800", "content": "d"}\n')
    assert run(path, "--output", "json") == 1
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert output.err == ""
    assert (result["rows"], result["imported"], result["rejected"]) == (2, 0, 1)
    assert result["rejections"] == [
        {
            "line": 2,
            "column": "title",
            "reason": "holds half of a surrogate pair at position 2; it is not a character",
        }
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("gone.csv", [], "gone.csv cannot be read: No such file or directory."),
        (".", ["--format", "csv"], ". cannot be read: Is a directory."),
        (
            "x.doc",
            [],
            "The format of x.doc is not known: name it with --format csv|json|jsonl|yaml.",
        ),
        (
            "-",
            [],
            "The format of standard input is not known: name it with --format csv|json|jsonl|yaml.",
        ),
    ],
)
def test_what_cannot_be_opened_exits_2(monkeypatch, tmp_path, capsys, name, options, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(name, *options) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


@pytest.mark.django_db
def test_a_file_that_breaks_in_the_middle_imports_nothing(tmp_path, capsys):
    path = tmp_path / "broken.csv"
    path.write_bytes(b"title,content\n" + b"a,b\n" * 3 + b"\xff,x\n")
    assert run(path) == 2
    assert "line 5 is not UTF-8; save the file as UTF-8. Nothing was imported." in (
        capsys.readouterr().err
    )
    assert not Prompt.objects.exists()


def manage(tmp_path: Path, *arguments: str, **extra) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **extra,
    )


def test_standard_input_and_a_database_without_tables(tmp_path):
    refused = manage(tmp_path, "import_prompts", "-", "--format", "csv", input=FILE)
    assert refused.returncode == 2
    assert refused.stderr.startswith("CommandError: The database does not take the import: no such")
    assert refused.stderr.count("\n") == 1
    manage(tmp_path, "migrate", "--verbosity=0")
    done = manage(tmp_path, "import_prompts", "-", "--format", "csv", input=FILE)
    assert (done.returncode, done.stderr) == (0, "")
