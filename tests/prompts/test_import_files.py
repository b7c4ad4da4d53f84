"""Files as people have them: what becomes of their prompts."""

# ruff: noqa: E501 (whole files as rows of a table)

import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from prompts import services
from prompts.importing import Row
from prompts.models import Prompt
from tests.support.workbooks import make_sheet, make_workbook

pytestmark = pytest.mark.django_db


def load(tmp_path, raw, name, *options) -> int:
    path = tmp_path / name
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    try:
        call_command("import_prompts", str(path), *options)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


FILES = [
    ("p.csv", "title,content\nGreeting,Say hello\n,\n,\n,\n", {"Greeting": "Say hello"}),
    ("p.csv", "title;content\rA;B\r", {"A": "B"}),
    ("p.csv", "件名,title,content\n1,要約,三行で\n".encode("cp932"), {"要約": "三行で"}),
    ("p.tsv", "title\tcontent\nA\tB\n".encode("utf-16"), {"A": "B"}),
    ("p.xlsx", make_workbook(make_sheet([["title", "content"], ["A", "B"], ["C", "D"]])), {"A": "B", "C": "D"}),
    ("p.xlsx", make_workbook(make_sheet([[""], ["title", "content"], ["A", "B"]])), {"A": "B"}),
    ("p.xlsx", make_workbook(make_sheet([["title", "content", "x"]], xml="<row><c><v>2024</v></c><c><v>1.5</v></c></row>")), {"2024": "1.5"}),
    ("p.json", '{"data": [{"name": "A", "prompt": "B"}], "meta": {}}', {"A": "B"}),
    ("p.csv", "title,content,status\nA,B, Active \n", {"A": "B"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw", "prompts"), FILES)
def test_files_go_in(tmp_path, name, raw, prompts):
    assert load(tmp_path, raw, name) == 0
    assert dict(Prompt.objects.values_list("title", "content")) == prompts


def test_an_unknown_choice_lists_those_that_there_are(tmp_path, capsys):
    assert load(tmp_path, "title,content,status,kind\nA,B,published,\n", "p.csv") == 1
    assert capsys.readouterr().err == (
        "line 2, column status: must be one of draft, active, archived, not “published”\n"
    )


CHAT = {
    "name": "support-chat",
    "version": 2,
    "type": "chat",
    "prompt": [
        {"role": "system", "content": "You help."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{question}}"},
    ],
    "labels": ["production"],
    "tags": ["a"],
    "config": {"model": "m"},
}


def test_a_chat_of_langfuse_with_a_placeholder(tmp_path, capsys):
    assert load(tmp_path, json.dumps([CHAT]), "p.json") == 0
    prompt = Prompt.objects.get(title="support-chat")
    assert (prompt.kind, prompt.syntax, prompt.tags) == ("chat", "mustache", ["a"])
    assert json.loads(prompt.content) == [
        {"role": "system", "content": "You help."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{question}}"},
    ]
    assert [variable["name"] for variable in prompt.variables] == ["question"]
    assert capsys.readouterr().err == ""


def test_versions_of_langfuse_go_in_in_their_order(tmp_path):
    texts = {3: "three {{x}}", 1: "one", 2: "two {{x}}"}
    records = [
        {"name": "p", "type": "text", "version": number, "prompt": text, "labels": []}
        for number, text in texts.items()
    ]
    assert load(tmp_path, json.dumps(records), "p.json") == 0
    prompt = Prompt.objects.get()
    assert [v.content for v in prompt.versions.order_by("number")] == [texts[n] for n in (1, 2, 3)]
    assert load(tmp_path, json.dumps(records), "p.json") == 0
    prompt.refresh_from_db()
    assert prompt.current_version == 3


BAD_CHATS = [
    ({"prompt": "text"}, "is a string, although its type is chat"),
    ({"prompt": [{"role": "user"}]}, "has an invalid message 1"),
    ({"prompt": [{"type": "placeholder"}]}, "has a placeholder without a name (message 1)"),
    ({"prompt": [{"type": "placeholder", "name": 3}]}, "has a placeholder without a name (mess"),
    (
        {"prompt": [{"type": "placeholder", "name": "chat-history"}]},
        "“chat-history” is not a valid placeholder name",
    ),
    (
        {"prompt": [*CHAT["prompt"], {"type": "placeholder", "name": "question"}]},
        "the placeholder “question” has the name of a variable",
    ),
    ({"prompt": [{"role": "robot", "content": "x"}]}, "robot"),
]


@pytest.mark.parametrize(("change", "sentence"), BAD_CHATS)
def test_bad_chats_of_langfuse(tmp_path, capsys, change, sentence):
    assert load(tmp_path, json.dumps([CHAT | change]), "p.json") == 1
    assert sentence in capsys.readouterr().err
    assert not Prompt.objects.exists()


def row(number: int, **fields) -> Row:
    values = {"title": f"t{number}", "content": "c", "metadata": {}, "line": number}
    return Row(**values | {"title_column": "title", "content_column": "content"} | fields)


@pytest.mark.parametrize("on_duplicate", ["skip", "update", "error"])
def test_a_dry_run_writes_nothing_and_opens_no_transaction(on_duplicate):
    services.create_prompt(title="t1", content="old")
    rows = [row(number) for number in (1, 2, 2)]
    options = services.ImportOptions(dry_run=True, on_duplicate=on_duplicate)
    with CaptureQueriesContext(connection) as queries:
        services.import_rows(rows, options, lambda rejection: None)
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert Prompt.objects.count() == 1


def test_a_change_of_name_is_checked_before_and_while_writing():
    services.create_prompt(title="t1", content="old", name="one")
    services.create_prompt(title="other", content="old", name="two")
    options = services.ImportOptions(on_duplicate="update")
    rejections = []
    counts = services.import_rows([row(1, metadata={"name": "two"})], options, rejections.append)
    assert counts.rejected == 1
    assert "a prompt with the name “two” already exists" in str(rejections[0])


def test_what_somebody_writes_between_check_and_write_keeps_everything_out(monkeypatch):
    rejections = []
    options = services.ImportOptions(on_duplicate="error")

    def rows():
        yield row(1)
        yield row(2)
        services.create_prompt(title="t0", content="c")

    original = services.imports._Writing.look_up

    def look_up(self, titles):
        if not Prompt.objects.filter(title="t2").exists():
            services.create_prompt(title="t2", content="theirs")
        original(self, titles)

    monkeypatch.setattr(services.imports._Writing, "look_up", look_up)
    counts = services.import_rows(rows(), options, rejections.append)
    assert (counts.kept, counts.rejected) == (False, 1)
    assert not Prompt.objects.filter(title="t1").exists()
