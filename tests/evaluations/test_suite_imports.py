"""What an import of a suite makes of a file, and what it says: will answers be compared?"""

# ruff: noqa: E501 (whole files as rows of a table)

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from evaluations.models import TestCase, TestSuite

pytestmark = pytest.mark.django_db
NOTHING_COMPARES = "The expected answers of 2 cases are not compared"


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load(path, *options):
    call_command("import_suite", str(path), "--name", "S", *options)
    return list(TestCase.objects.order_by("position"))


@pytest.mark.parametrize("header", ["expected", "Expected", " EXPECTED "])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_expected_answers_that_nothing_compares_are_said(tmp_path, capsys, header, delimiter):
    rows = [["q", header], ["a", "x"], ["b", "y"]]
    text = "\n".join(delimiter.join(row) for row in rows)
    cases = load(write(tmp_path, text))
    out = capsys.readouterr().out
    assert "Checks: none of the 2 cases has one, so no answer can pass." in out
    assert NOTHING_COMPARES in out
    assert "Variables: q." in out
    assert [case.expected for case in cases] == ["x", "y"]


def test_a_name_with_underscores_inside_is_a_plain_column(tmp_path, capsys):
    text = "name,question,expected,source__id\n1,Capital?,Paris,77\n"
    [case] = load(write(tmp_path, text), "--assert", "exact")
    assert (case.name, case.variables) == ("1", {"question": "Capital?", "source__id": "77"})
    assert case.assertions == [{"type": "exact", "value": "Paris"}]
    assert "Checks: all 1 cases have one." in capsys.readouterr().out


TESTS = {
    "t.json": '[{"vars": {"q": "a"}, "assert": [{"type": "contains", "value": "z"}]}, {"vars": {"q": "b"}}]',
    "t.jsonl": '{"vars": {"q": "a"}, "assert": [{"type": "contains", "value": "z"}]}\n{"vars": {"q": "b"}}\n',
    "t.yaml": "- vars: {q: a}\n  assert: [{type: contains, value: z}]\n- vars: {q: b}\n",
    "t.csv": "q;__Expected\na;contains:z\nb\n",
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_promptfoo_s_tests_are_tests_in_every_format(tmp_path, capsys, name):
    first, second = load(write(tmp_path, TESTS[name], name))
    assert first.variables == {"q": "a"}
    assert first.assertions == [{"type": "contains", "value": "z"}]
    assert (second.variables["q"], second.assertions) == ("b", [])
    assert "Checks: 1 of 2 cases have one; 1 have none" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--assert", "exact"), ("--map", "expected=q")])
@pytest.mark.parametrize("name", TESTS)
def test_options_that_do_not_apply_are_refused(tmp_path, name, options):
    with pytest.raises(
        CommandError, match=f"{options[0]}: only applies to plain tables"
    ) as refusal:
        load(write(tmp_path, TESTS[name], name), *options)
    assert refusal.value.returncode == 2
    assert not TestSuite.objects.exists()


ROWS = {
    "t.jsonl": '{"name":"a","q":"1","expected":"x"}\n{"name":"b","q":"2","expected":null}\n{"name":"c","q":"3"}\n',
    "t.csv": "name,q,expected\na,1,x\nb,2, \nc,3\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_case_without_an_expected_answer_gets_no_check(tmp_path, capsys, name):
    cases = load(write(tmp_path, ROWS[name], name), "--assert", "exact")
    assert [case.assertions for case in cases] == [[{"type": "exact", "value": "x"}], [], []]
    err = capsys.readouterr().err
    assert "case “b” has no expected answer, so it is not checked" in err
    assert "case “c” has no expected answer, so it is not checked" in err


EMPTY = [
    ("t.csv", ""),
    ("t.csv", "q,__expected\n"),
    ("t.csv", "q,expected\n,\n"),
    ("t.jsonl", "\n"),
    ("t.json", "[]"),
    ("t.yaml", "[]"),
]


@pytest.mark.parametrize(("name", "text"), EMPTY)
def test_a_file_without_tests_is_refused(tmp_path, name, text):
    path = write(tmp_path, text, name)
    with pytest.raises(CommandError, match="no tests") as refusal:
        load(path)
    assert refusal.value.returncode == 2
    config = write(
        tmp_path, f"prompts: ['{{{{q}}}}']\nproviders: [echo]\ntests: file://{name}\n", "c.yaml"
    )
    with pytest.raises(CommandError, match="no tests") as refusal:
        call_command("evaluate", str(config))
    assert refusal.value.returncode == 2


REFUSED = [
    ("q,e,q\n1,2,3\n", (), "the header (line 1) names the column 'q' twice"),
    ("q,expected,Expected\n1,2,3\n", (), "the columns “expected” and “Expected” are both expected"),
    ("q,expected\n1,2,3\n", (), "line 2: has more cells (3) than the header (2)"),
    ("q,expected\n1,2\n", ("--assert", "exakt"), "did you mean “exact”?"),
    (
        "q,expected\n1,2\n",
        ("--assert", "{exact}"),
        "a check must be an assertion type or a JSON object",
    ),
]


@pytest.mark.parametrize(("text", "options", "sentence"), REFUSED)
def test_refusals(tmp_path, text, options, sentence):
    with pytest.raises(CommandError) as refusal:
        load(write(tmp_path, text), *options)
    assert sentence in str(refusal.value)
    assert refusal.value.returncode == 2


@pytest.fixture
def page(client):
    client.force_login(User.objects.create_superuser("root"))

    def send(name, content, **fields):
        file = SimpleUploadedFile(name, content)
        address = reverse("admin:evaluations_testsuite_import")
        return client.post(
            address, {"file": file, "name": "S", "mapping": "", "assertion": "", **fields}
        )

    return send


def test_the_page_says_the_same(page):
    answer = page(
        "t.csv", "q\rexpected".replace("\r", ";").encode() + b"\ra;x\rb;y\r", dry_run="on"
    )
    assert NOTHING_COMPARES in answer.content.decode()
    assert not TestSuite.objects.exists()
    answer = page("t.json", TESTS["t.json"].encode(), assertion="exact")
    assert "only applies to plain tables" in str(answer.context["form"].errors["assertion"])
    answer = page("t.csv", b"q\n" + b"1\n" * 10_001)
    assert "more than 10,000 rows" in str(answer.context["form"].errors["file"])
    page("t.csv", b"q,expected\na,x\n", assertion="exact")
    assert TestCase.objects.get().assertions == [{"type": "exact", "value": "x"}]


def test_references_that_repeat_a_long_list_are_refused(tmp_path):
    tests = "\n".join(["- vars: {a: {$ref: '#/big'}}"] * 1000)
    text = f"prompts: [x]\nbig: {[1] * 2000}\ntests:\n{tests}\n"
    with pytest.raises(CommandError, match="the file has more than 1,000,000 values"):
        load(write(tmp_path, text, "c.yaml"))
