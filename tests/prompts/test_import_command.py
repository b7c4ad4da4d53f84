"""`import_prompts` on a real database: what goes in, what is said, and the exit status."""

import csv
import hashlib
import io
import json
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInputError
from django_hrana import driver
from prompts import services
from prompts.importing import READERS, ColumnNames, Row, Source
from prompts.management.commands import import_prompts
from prompts.models import Prompt, PromptVersion

DATA = Path(__file__).parent / "data" / "prompts.csv"
FILE = "act,prompt,lang\nTerminal,say {like this},en\n要約,三行で,ja\n"

pytestmark = pytest.mark.django_db


def run(path: Path | str, *options: str) -> int:
    """Run the command as the shell would; return its exit status."""
    try:
        call_command("import_prompts", str(path), *options)
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        return error.returncode
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def everything() -> list[list[dict]]:
    return [list(model.objects.order_by("pk").values()) for model in (Prompt, PromptVersion)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text: str | bytes, name: str = "p.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_file_goes_in_once(write, capsys):
    good = write(FILE)
    assert run(good) == 0
    assert capsys.readouterr() == (
        f"Imported 2, skipped 0, rejected 0 (of 2 rows) from {good}.\n",
        "",
    )
    prompt = Prompt.objects.get(title="Terminal")
    assert (prompt.content, prompt.metadata) == ("say {like this}", {"lang": "en"})
    assert (prompt.status, prompt.user_id, prompt.current_version) == ("draft", "", 1)
    version = prompt.versions.get()
    assert (version.number, version.content, version.author) == (1, prompt.content, "import")
    assert version.content_hash == hashlib.sha256(prompt.content.encode()).hexdigest()


@pytest.mark.parametrize("on_duplicate", ["skip", "update"])
def test_a_second_run_changes_nothing(write, capsys, on_duplicate):
    options = ("--on-duplicate", on_duplicate, "--status", "active", "--user-id", "u")
    assert run(DATA, *options) == 0
    before = everything()
    assert run(DATA, *options) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Imported 36, ")
    counted = "skipped 36" if on_duplicate == "skip" else "updated 0, unchanged 36, skipped 0"
    assert second == f"Imported 0, {counted}, rejected 0 (of 36 rows) from {DATA}."
    assert everything() == before


def test_contents_of_many_languages_go_in_as_they_are():
    assert run(DATA) == 0
    with DATA.open(encoding="utf-8", newline="") as file:
        expected = {row["act"]: row["prompt"] for row in csv.DictReader(file)}
    assert len(expected) == 36
    assert dict(Prompt.objects.values_list("title", "content")) == expected
    assert dict(PromptVersion.objects.values_list("prompt__title", "content")) == expected


BAD = f'title,content\na,b\n"{"x" * 256}",c\nx,\ne,f\ng,h,i\n'
BAD_LINES = [
    "line 3, column title: Ensure this value has at most 255 characters (it has 256).",
    "line 4, column content: This field cannot be blank.",
    "line 6: has more cells (3) than the header (2)",
]


def test_one_bad_row_keeps_everything_out(write, capsys):
    assert run(write(BAD)) == 1
    output = capsys.readouterr()
    assert output.err.splitlines() == BAD_LINES
    assert output.out == (
        "Nothing was imported: 3 of 5 rows were rejected. Fix the file, or import the other rows "
        "with --partial.\n"
    )
    assert not Prompt.all_objects.exists()
    assert not PromptVersion.objects.exists()


def test_partial_takes_the_good_rows(write, capsys):
    path = write(BAD)
    assert run(path, "--partial") == 1
    output = capsys.readouterr()
    assert output.err.splitlines() == BAD_LINES
    assert output.out == f"Imported 2, skipped 0, rejected 3 (of 5 rows) from {path}.\n"
    assert set(Prompt.objects.values_list("title", flat=True)) == {"a", "e"}


def test_a_row_that_is_left_out_is_checked_too(write, capsys):
    assert run(write("title,content\na,1\na,\n")) == 1
    assert capsys.readouterr().err == "line 3, column content: This field cannot be blank.\n"
    assert not Prompt.objects.exists()


DRY_RUNS = [
    (FILE, (), 0, "Would import 2, skipped 0, rejected 0 (of 2 rows) from {}.\n"),
    (BAD, ("--partial",), 1, "Would import 2, skipped 0, rejected 3 (of 5 rows) from {}.\n"),
    (
        "title,content\na,\n",
        (),
        1,
        "Nothing would be imported: 1 of 1 row was rejected. Fix the file, or import the other "
        "rows with --partial.\n",
    ),
]


@pytest.mark.parametrize(("text", "options", "status", "sentence"), DRY_RUNS)
def test_a_dry_run_says_the_same_and_keeps_nothing(write, capsys, text, options, status, sentence):
    path = write(text)
    assert run(path, "--dry-run", *options) == status
    assert capsys.readouterr().out == sentence.format(path)
    assert not Prompt.all_objects.exists()


def test_a_duplicate_is_updated(write, capsys):
    services.create_prompt(title="Terminal", content="old", metadata={"kept": 1, "lang": "?"})
    services.create_prompt(title="要約", content="三行で", metadata={"lang": "ja"})
    path = write(FILE)
    assert run(path, "--on-duplicate", "update", "--dry-run") == 0
    assert run(path, "--on-duplicate", "update") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{verb} 0, updated 1, unchanged 1, skipped 0, rejected 0 (of 2 rows) from {path}."
        for verb in ("Would import", "Imported")
    ]
    prompt = Prompt.objects.get(title="Terminal")
    assert (prompt.content, prompt.current_version) == ("say {like this}", 2)
    assert prompt.metadata == {"kept": 1, "lang": "en"}
    assert [v.content for v in prompt.versions.order_by("number")] == ["old", "say {like this}"]
    assert prompt.versions.get(number=2).author == "import"
    assert Prompt.objects.get(title="要約").current_version == 1


def test_an_update_sets_status_and_owner_only_where_they_are_given(write):
    services.create_prompt(title="a", content="b", status="active", user_id="u1")
    path = write("title,content\na,b\n")
    for options, expected in [
        ((), ("active", "u1")),
        (("--status", "archived"), ("archived", "u1")),
        (("--user-id", "u2"), ("archived", "u2")),
        (("--user-id", ""), ("archived", "")),
    ]:
        assert run(path, "--on-duplicate", "update", *options) == 0
        assert Prompt.objects.values_list("status", "user_id").get() == expected
    assert PromptVersion.objects.count() == 1


def test_a_duplicate_is_an_error_where_that_is_asked_for(write, capsys):
    services.create_prompt(title="Terminal", content="old")
    assert run(write(FILE), "--on-duplicate", "error") == 1
    assert capsys.readouterr().err == (
        "line 2, column act: “Terminal”: a prompt with this title already exists\n"
    )
    assert [p.content for p in Prompt.objects.all()] == ["old"]


def test_a_deleted_prompt_does_not_take_its_title(write):
    old = services.create_prompt(title="a", content="old")
    services.delete_prompt(prompt_id=old.pk)
    assert run(write("title,content\na,new\n"), "--on-duplicate", "error") == 0
    assert Prompt.objects.get().content == "new"


def test_a_title_twice_in_one_file(write, capsys):
    path = write("title,content\na,1\na,2\na,2\n")
    assert run(path, "--on-duplicate", "error") == 1
    assert [line[:7] for line in capsys.readouterr().err.splitlines()] == ["line 3,", "line 4,"]
    assert run(path) == 0
    assert Prompt.objects.get().content == "1"
    Prompt.objects.all().hard_delete()
    assert run(path, "--on-duplicate", "update") == 0
    prompt = Prompt.objects.get()
    assert (prompt.content, prompt.current_version, prompt.versions.count()) == ("2", 2, 2)
    assert "Imported 1, updated 1, unchanged 1, skipped 0" in capsys.readouterr().out


def test_a_title_twice_far_apart_in_a_file(write, capsys):
    lines = [f"t{n % 1200},c\n" for n in range(1300)]
    assert run(write("title,content\n" + "".join(lines))) == 0
    assert capsys.readouterr().out.startswith("Imported 1200, skipped 100, ")


def test_a_title_that_several_prompts_have_is_ambiguous(write, capsys):
    for content in ("1", "2"):
        services.create_prompt(title="a", content=content)
    path = write("title,content\na,3\n")
    assert run(path, "--on-duplicate", "update") == 1
    assert capsys.readouterr().err == (
        "line 2, column title: “a”: 2 prompts have this title; specify which one\n"
    )
    assert run(path) == 0


def test_titles_that_differ_are_no_duplicates(write):
    assert run(write('title,content\na,1\nA,2\n"a ",3\n"é",4\n"e\u0301",5\n')) == 0
    assert Prompt.objects.count() == 5


OPTIONS = [
    (
        ("--user-id", "x" * 256),
        "--user-id: Ensure this value has at most 255 characters (it has 256)",
    ),
    (("--user-id", "a\0"), "--user-id: contains a NUL character at position 2; remove it"),
]


@pytest.mark.parametrize(("options", "sentence"), OPTIONS)
def test_a_wrong_option_is_said_once(write, capsys, options, sentence):
    assert run(write(FILE), *options) == 2
    assert capsys.readouterr().err == f"{sentence}. Nothing was imported.\n"


def test_the_service_refuses_an_unknown_way_with_duplicates():
    options = services.ImportOptions(on_duplicate="merge")
    with pytest.raises(InvalidInputError, match="on duplicate: must be one of skip, update, error"):
        services.import_rows([], options, pytest.fail)


def test_rows_go_in_with_few_queries(write):
    path = write("title,content\n" + "".join(f"t{n},c\n" for n in range(400)))
    with CaptureQueriesContext(connection) as queries:
        assert run(path) == 0
    first = len(queries)
    assert first < 40
    services.edit_prompt(prompt_id=Prompt.objects.first().pk, content="other")
    with CaptureQueriesContext(connection) as queries:
        assert run(path, "--on-duplicate", "update") == 0
    assert len(queries) < 20


# --- JSON -----------------------------------------------------------------------------------------


def test_json_output_is_one_object(write, capsys):
    path = write('{"name": "a", "content": "b"}\n{"name": "c\\ud800", "content": "d"}\n', "b.jsonl")
    assert run(path, "--output", "json", "--partial") == 1
    output = capsys.readouterr()
    assert output.err == ""
    assert json.loads(output.out) == {
        "rows": 2,
        "imported": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "rejected": 1,
        "kept": True,
        "file": str(path),
        "format": "jsonl",
        "dry_run": False,
        "columns": {"title": "name", "content": "content"},
        "notes": [],
        "error": None,
        "rejections": [
            {
                "line": 2,
                "column": "name",
                "reason": "contains half of a surrogate pair at position 2, not a character",
                "record": 0,
                "unit": "line",
            }
        ],
    }


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_json_counts_nothing_where_nothing_goes_in(write, capsys, options):
    assert run(write(BAD), "--output", "json", *options) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["rows"], result["imported"], result["rejected"]) == (5, 0, 3)
    assert result["kept"] is False
    assert [rejection["line"] for rejection in result["rejections"]] == [3, 4, 6]


@pytest.mark.once
def test_json_lists_every_rejection_of_many(write, capsys):
    path = write("title,content\n" + "日本,\n" * 12_000)  # more than are kept in memory
    assert run(path, "--output", "json") == 1
    result = json.loads(capsys.readouterr().out)
    assert result["rejected"] == len(result["rejections"]) == 12_000
    assert result["rejections"][-1]["line"] == 12_001


def test_json_can_name_what_has_no_utf8(write, capsys):
    path = write('[{"title": "a", "content": "b", "\\ud800": 1}]', "p.json")
    assert run(path, "--output", "json") == 1
    assert json.loads(capsys.readouterr().out)["rejections"][0]["column"] == "\ud800"


def test_json_says_why_nothing_could_be_read(write, capsys):
    path = write("x\n")
    assert run(path, "--output", "json") == 2
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert (result["imported"], result["kept"], result["rejections"]) == (0, False, [])
    assert output.err == f"{result['error']['message']}\n"
    assert (result["error"]["code"], result["error"]["exit_status"]) == ("import.header", 2)


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            driver.OutcomeUnknown("x: look"),
            "x: look. Either all of it was imported or nothing: look",
        ),
        (driver.TransactionLost("x: again"), "x: again. Nothing was imported."),
    ],
)
def test_json_does_not_promise_what_nobody_knows(monkeypatch, write, capsys, cause, said):
    def refuse(*_args: object) -> None:
        raise OperationalError("x") from cause

    monkeypatch.setattr(import_prompts, "_import", refuse)
    with pytest.raises(OperationalError):
        run(write(FILE), "--output", "json")
    assert json.loads(capsys.readouterr().out)["error"]["message"].startswith(said)


# --- What cannot be read --------------------------------------------------------------------------

UNOPENED = [
    ("gone.csv", [], "gone.csv cannot be read: No such file or directory. Nothing was imported."),
    (
        ".",
        [],
        ". contains no prompts; export_prompts writes one name.md for each. Nothing was imported.",
    ),
    (
        "x.doc",
        [],
        "x.doc cannot be read: its name does not end in .csv, .tsv, .tab, .json, .jsonl, .ndjson, "
        ".yaml, .yml, .xlsx, .xlsm; specify the format with --format csv|json|jsonl|yaml|xlsx. "
        "Nothing was imported.",
    ),
    (
        "-",
        [],
        "standard input cannot be read: its format is unknown; specify the format with --format "
        "csv|json|jsonl|yaml|xlsx. Nothing was imported.",
    ),
]


@pytest.mark.parametrize(("name", "options", "sentence"), UNOPENED)
def test_what_cannot_be_opened_exits_2(monkeypatch, tmp_path, capsys, name, options, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(name, *options) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


@pytest.mark.parametrize("name", ["P.CSV", "p.tsv", "p.Csv"])
def test_the_suffix_names_the_format_whatever_its_case(write, name):
    assert run(write("title\tcontent\na\tb\n", name)) == 0


def test_a_named_format_beats_the_suffix(write):
    assert run(write('{"title": "a", "content": "b"}\n', "p.csv"), "--format", "jsonl") == 0
    assert Prompt.objects.get().title == "a"


@pytest.mark.parametrize("options", [(), ("--partial",)])
def test_a_file_that_breaks_in_the_middle_imports_nothing(write, capsys, options):
    rows = b"".join(b"t%d,b\n" % number for number in range(1500))
    path = write(b"title,content\n" + rows + b"\xff,x\n")
    assert run(path, *options) == 2
    assert capsys.readouterr().err == (
        f"{path} cannot be read: line 1502 is not valid UTF-8, UTF-16 or CP932 "
        "(Shift-JIS); save the file as UTF-8 (in Excel: “CSV UTF-8”). "
        "Nothing was imported.\n"
    )
    assert not Prompt.objects.exists()


def test_its_sentences_are_english_in_every_language(write, capsys):
    with translation.override("ja"):
        assert run(write("title,content\n ,b\n")) == 1
    assert capsys.readouterr().err == "line 2, column title: This field cannot be blank.\n"


# --- Any text -------------------------------------------------------------------------------------

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=50)
@given(contents=st.lists(STORABLE.filter(str.strip), min_size=1, max_size=5))
def test_any_content_is_in_the_database_as_it_was_in_the_file(contents):
    table = io.StringIO()
    csv.writer(table).writerows([["title", "content"], *enumerate(contents)])
    source = Source(io.BytesIO(table.getvalue().encode()))
    rows = list(READERS["csv"](source, ColumnNames()))
    assert all(isinstance(row, Row) for row in rows)
    counts = services.import_rows(rows, services.ImportOptions(), pytest.fail)
    assert (counts.imported, counts.kept) == (len(contents), True)
    stored = dict(Prompt.objects.values_list("title", "content"))
    assert stored == {str(number): content for number, content in enumerate(contents)}
    Prompt.objects.all().hard_delete()
