"""Suites in and out of files: exact round trips, mapped tables, wrong input with its place."""

import json
import zipfile

import openpyxl
import pytest
import yaml
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Folder
from evaluations.engine.formats.suite_file import read_suite_file, write_suite_file
from evaluations.engine.formats.table_writers import write_csv, write_jsonl
from evaluations.engine.types import Assertion, Case, Suite
from evaluations.models import TestCase, TestSuite
from evaluations.promptfoo.config import read_config
from evaluations.promptfoo.templates import fill_text
from evaluations.services.suites import load_suite, store_suite
from evaluations.suite_files import read_suite
from tests.support.tables import read_text_table as read_table

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-99, 99),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CASES = st.lists(
    st.builds(
        Case,
        name=TEXTS.filter(str.strip),
        variables=st.dictionaries(TEXTS, VALUES, max_size=3),
        expected=TEXTS,
        assertions=st.lists(
            st.builds(
                Assertion,
                type=st.sampled_from(["contains", "equals", "starts-with"]),
                negated=st.booleans(),
                value=TEXTS,
                weight=st.sampled_from([0.0, 1.0, 2.5]),
                metric=st.sampled_from(["", "tone"]),
            ),
            max_size=2,
        ).map(tuple),
        threshold=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
        weight=st.sampled_from([0.0, 1.0, 3.5]),
        tags=st.lists(TEXTS.filter(str.strip), max_size=2).map(tuple),
        metadata=st.dictionaries(TEXTS, VALUES, max_size=2),
        enabled=st.booleans(),
        given_answer=st.none() | TEXTS,
    ),
    max_size=4,
    unique_by=lambda case: case.name,
).map(tuple)


@settings(max_examples=50)
@given(CASES)
def test_our_own_file_gives_back_exactly_the_same(cases):
    suite = Suite(name="名前: [x]", description="a\nb", cases=cases)
    assert read_suite_file(write_suite_file(suite), "s.yaml") == suite


@settings(max_examples=50)
@given(CASES.filter(bool))
def test_tables_of_ours_give_back_exactly_the_same(cases):
    suite = Suite(name="s", cases=cases)
    assert read_table(write_csv(suite), "s.csv", name="s") == suite
    assert read_table(write_jsonl(suite), "s.jsonl", name="s") == suite


FORMULAE = ("=1+1", "'=1", "''-2", "+x", "@a", "\tb", "'quoted'", "a, b", "two\r\nlines", "")


@pytest.mark.parametrize("text", FORMULAE)
def test_what_looks_like_a_formula_comes_back(tmp_path, text):
    case = Case(
        name=f"n{text}",
        variables={"v": text, "=name": text, "name": 3, "variables.x": "y", " ": "blank"},
        expected=text,
        tags=tuple(filter(str.strip, (text, "[b]"))),
        given_answer=text,
    )
    path = tmp_path / "s.csv"
    path.write_text(write_csv(Suite(name="s", cases=(case,))), encoding="utf-8", newline="")
    assert read_suite(path).cases == (case,)
    cells = path.read_text(encoding="utf-8").split(",")
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


CASE = Case(
    name="一",
    variables={"q": "two\nlines", "n": 3},
    expected="ok",
    assertions=(Assertion(type="contains", value="{{ raw }}"),),
    threshold=0.5,
    weight=2.0,
    tags=("a", "b"),
    metadata={"k": [1]},
)
OFF = Case(name="off", enabled=False, variables={"q": "x", "n": ""})


@pytest.mark.parametrize("kind", ["yaml", "jsonl", "csv"])
def test_other_files_keep_what_they_can(tmp_path, kind):
    suite = Suite(name="s", cases=(CASE, OFF))
    write = {"yaml": write_suite_file, "jsonl": write_jsonl, "csv": write_csv}[kind]
    path = tmp_path / f"s.{kind}"
    path.write_text(write(suite), encoding="utf-8", newline="")
    found = read_suite(path)
    first = found.cases[0]
    assert [case.name for case in found.cases] == ["一", "off"]
    assert (first.assertions, first.threshold, first.weight) == (CASE.assertions, 0.5, 2.0)
    assert (first.tags, first.expected) == (CASE.tags, "ok")
    assert first.variables["q"] == "two\nlines"
    assert found.cases[1].enabled is False


def test_promptfoo_reads_what_we_write(tmp_path):
    from evaluations.suite_files import write_suite

    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(write_suite(Suite(name="s", cases=(CASE, OFF)), "promptfoo"))
    test = yaml.safe_load(path.read_text())["tests"][0]
    assert test["assert"][0]["value"] == "{% raw %}{{ raw }}{% endraw %}"
    assert test["metadata"]["weight"] == 2.0
    assert [
        case.name for case in read_config(Folder.beside(path), path.name, fill_text).suite.cases
    ] == ["一"]


def test_a_mapped_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("ID,Question,Answer,Note\n7,何?,いい,x\n8,b,c,\n", encoding="utf-8-sig")
    suite = read_suite(
        path,
        name="T",
        mapping={"ID": "name", "Question": "variables.q", "Answer": "expected"},
        assertion={"type": "f1", "threshold": 0.5},
    )
    first = suite.cases[0]
    assert (first.name, first.variables, first.expected) == ("7", {"q": "何?"}, "いい")
    assert first.assertions == (Assertion(type="f1", value="いい", threshold=0.5),)


WRONG_TABLES = [
    ("a,b\n1,2,3\n", {}, "t.csv, line 2: has more cells (3) than the header (2)"),
    ('a\n"open\n', {}, "opens a quote that is never closed"),
    ("weight\nheavy\n", {}, "t.csv, line 2: weight must be a number, not “heavy”"),
    ("name\nx\nx\n", {}, "two cases are named “x”"),
    ("threshold\n2\n", {}, "threshold must be a number from 0 to 1"),
    ("name\nx\n", {"mapping": {"Nope": "expected"}}, "no column “Nope”; available columns: name"),
    ("name\nNope\n", {"mapping": {"Nope": "expected"}}, "there is no column “Nope”"),
    ("name,autoforge_escaped\nx,[]\n", {}, "autoforge_escaped must be a JSON object"),
    ("name\nx\n", {"assertion": {"type": "contians"}}, "did you mean “contains”?"),
    ("assertions\n[1]\n", {}, "an assertion must be an object"),
]


@pytest.mark.parametrize(("text", "fields", "sentence"), WRONG_TABLES)
def test_wrong_tables(text, fields, sentence):
    with pytest.raises(SuiteError) as caught:
        read_table(text, "t.csv", name="t", **fields)
    assert sentence in str(caught.value)


WRONG_LISTS = [
    ('[{"name": "a"},\n 3]', {}, "t.json, record 2, line 2: a case must be an object"),
    ('[{},\n {"weight": "x"}]', {}, "t.json, record 2, line 2: weight must be a number"),
    ('[{"a": 1}]', {"mapping": {"b": "name"}}, "there is no column “b”; available columns: a"),
    ('{"a": 1}\n{"weight": -1}', {}, "t.json, record 2, line 2, weight: weight must be a number"),
]


@pytest.mark.parametrize(("text", "fields", "sentence"), WRONG_LISTS)
def test_wrong_lists_name_the_entry(text, fields, sentence):
    with pytest.raises(SuiteError) as caught:
        read_table(text, "t.json", name="t", **fields)
    assert sentence in str(caught.value)


WRONG_FILES = [
    ("autoforge: suite/2\nname: x\n", "must begin with “autoforge: suite/1”"),
    ("autoforge: suite/1\n", "a suite needs a name"),
    ("autoforge: suite/1\nname: x\ncaes: []\n", "line 3, column 1, caes: unknown key “caes”"),
    ("autoforge: suite/1\nname: x\ncases:\n- name: a\n  weight: -1\n", "line 5"),
    ("autoforge: suite/1\nname: x\ncases:\n- name: a\n- name: a\n", "already named “a”"),
    (
        "autoforge: suite/1\nname: x\ncases:\n- name: a\n  assertions:\n  - type: contians\n",
        "line 6, column 5, cases[0].assertions[0]: unknown assertion type “contians”",
    ),
    ("autoforge: suite/1\nname: x\ncases: 3\n", "cases must be a list"),
    ("autoforge: suite/1\nname: x\ncases: [a]\n", "a case must be an object with a name"),
    ("autoforge: suite/1\nname: x\ncases: [{variables: {}}]\n", "a case needs a name"),
    (
        "autoforge: suite/1\nname: x\ncases: [{name: a, enabled: 7}]\n",
        "enabled must be true or false",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG_FILES)
def test_wrong_files(text, sentence):
    with pytest.raises(SuiteError) as caught:
        read_suite_file(text, "s.yaml")
    assert sentence in str(caught.value)


@pytest.mark.django_db
def test_the_commands(tmp_path, capsys):
    path = tmp_path / "s.yaml"
    path.write_text(write_suite_file(Suite(name="S", description="d", cases=(CASE, OFF))))
    call_command("import_suite", str(path), dry_run=True)
    assert "nothing was saved (dry run)" in capsys.readouterr().out
    assert not TestSuite.objects.exists()
    call_command("import_suite", str(path))
    assert "Imported “S” with 2 cases." in capsys.readouterr().out
    with pytest.raises(CommandError, match="with the name “S” already exists"):
        call_command("import_suite", str(path))
    call_command("import_suite", str(path), "--replace")
    assert TestCase.objects.count() == 2
    capsys.readouterr()
    call_command("export_suite", "S")
    assert capsys.readouterr().out == path.read_text()
    target = tmp_path / "out.jsonl"
    call_command("export_suite", "S", format="jsonl", output=str(target))
    assert json.loads(target.read_text().splitlines()[0])["name"] == "一"
    with pytest.raises(CommandError, match="there is no test suite “T”; available suites: S"):
        call_command("export_suite", "T")
    with pytest.raises(CommandError, match="PART=COLUMN"):
        call_command("import_suite", str(path), map=["x"])


@pytest.mark.django_db
def test_replacing_takes_the_description_of_a_file_that_has_one():
    row, _ = store_suite(Suite(name="S", description="old", cases=(CASE,)))
    for said, kept in (("new", "new"), ("", "new")):
        store_suite(Suite(name="S", description=said, cases=(OFF,)), replace_cases=True)
        row.refresh_from_db()
        assert (row.description, row.cases.get().name) == (kept, "off")


@pytest.mark.django_db
def test_an_export_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    store_suite(Suite(name="S", cases=(CASE,)))
    target = tmp_path / "deep" / "out.yaml"
    call_command("export_suite", "S", output=str(target))
    before = target.read_text(encoding="utf-8")
    assert read_suite(target).cases == (CASE,)

    def fail(*_args):
        raise OSError("the disk is full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(CommandError, match="the disk is full"):
        call_command("export_suite", "S", output=str(target))
    assert [(one.name, one.read_text(encoding="utf-8")) for one in target.parent.iterdir()] == [
        ("out.yaml", before)
    ]


@pytest.mark.parametrize("holds", ["nothing", "text", "zip", "sheet"])
def test_a_workbook_that_is_none(tmp_path, holds):
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"q,__expected" if holds == "text" else b"")
    if holds in ("zip", "sheet"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/workbook.xml" if holds == "sheet" else "a", "<odd")
    with pytest.raises(
        SuiteError, match=r"^t\.xlsx: (this is not an XLSX workbook|the workbook is damaged)"
    ):
        read_suite(path)


def test_a_damaged_sheet_is_refused_and_a_whole_one_is_read(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["q", "__expected"])
    book.active.append(["a", "contains:b"])
    whole, damaged = tmp_path / "whole.xlsx", tmp_path / "damaged.xlsx"
    book.save(whole)
    assert read_suite(whole).cases[0].variables == {"q": "a"}
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(damaged, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text[: len(text) // 2] if "sheet1" in name else text)
    with pytest.raises(SuiteError, match=r"^damaged\.xlsx: the workbook is damaged"):
        read_suite(damaged)


@pytest.mark.django_db
def test_promptfoo_s_table_of_tests(tmp_path):
    path = tmp_path / "tests.csv"
    path.write_text("q,__expected,__description\na,contains:b,first\nc,contians: d,first\n")
    suite = read_suite(path)
    assert [case.name for case in suite.cases] == ["first", "first (2)"]
    assert [one.type for one in suite.cases[0].assertions] == ["contains"]
    assert "did you mean “contains:”?" in str(suite.warnings[0])
    row, count = store_suite(suite)
    assert count == 2
    assert load_suite(row.pk).cases[0].variables == {"q": "a"}


@pytest.mark.django_db
def test_nothing_is_kept_of_a_suite_with_a_wrong_case():
    cases = (CASE, Case(name="x" * 300))
    with pytest.raises(Exception, match="case “xxx"):
        store_suite(Suite(name="S", cases=cases))
    assert not TestSuite.objects.exists()


@pytest.mark.parametrize("name", ["s.txt", "none.yaml"])
def test_files_that_are_none(tmp_path, name):
    with pytest.raises(SuiteError, match=r"must end in|cannot be read"):
        read_suite(tmp_path / name)
