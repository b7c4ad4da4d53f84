"""Out and in again: nothing is lost, nothing is run, nothing changes without need."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from openpyxl import load_workbook

from core.errors import InvalidInputError
from prompts import interface, services
from prompts.exporting import WRITERS, BrokenFileError, parse, serialise
from prompts.importing import READERS, ColumnNames, Source
from prompts.models import Prompt, PromptVersion

FORMULAE = ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1", "'x", "="]
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
LOOK_ALIKES = st.sampled_from(
    [
        "{{ x }}",
        "{x}",
        "{% if %}",
        "{#",
        "}}",
        "\\{{",
        "_x0041_",
        "---\n",
        "\r\n",
        '"',
        "'=",
        "\u2028",
    ]
)
CONTENT = st.lists(TEXT | LOOK_ALIKES, min_size=1, max_size=6).map("".join).filter(str.strip)


def export(path: Path, *options: str) -> Path:
    call_command("export_prompts", str(path), *options, stdout=io.StringIO())
    return path


def load(path: Path, *options: str) -> None:
    call_command("import_prompts", str(path), *options, stdout=io.StringIO(), stderr=io.StringIO())


def state():
    prompts = Prompt.objects.order_by("name")
    versions = PromptVersion.objects.order_by("prompt__name", "number")
    fields = ("name", "title", "description", "status", "tags", "user_id", "metadata", "content")
    wording = ("number", "content", "content_hash", "kind", "syntax", "variables", "includes")
    return [
        list(prompts.values_list("pk", "current_version", *fields)),
        list(versions.values_list("prompt__name", *wording, "author", "change_note", "created_at")),
        [sorted(p.labels.values_list("name", "version__number")) for p in prompts],
    ]


class TestAnyText(TestCase):
    """Any text goes out of one database and into another unchanged."""

    @settings(max_examples=30)
    @given(content=CONTENT, form=st.sampled_from(sorted(WRITERS)))
    def test_through_every_format(self, content, form):
        services.create_prompt(title="Reply", content=content)
        stream = io.BytesIO()
        WRITERS[form](services.list_records(Prompt.objects.all()), stream)
        Prompt.objects.all().hard_delete()
        stream.seek(0)
        rows = list(READERS[form](Source(stream), ColumnNames()))
        counts = services.import_rows(rows, services.ImportOptions(), print)
        assert counts.imported == 1
        assert interface.render("reply", {}, label="latest").text == content

    @settings(max_examples=30)
    @given(content=CONTENT, older=CONTENT)
    def test_through_a_directory(self, content, older):
        prompt = services.create_prompt(title="Reply", content=older)
        services.edit_prompt(prompt_id=prompt.pk, content=content, author="藍子")
        before = state()
        [row] = services.archive_rows(Prompt.objects.all())
        files = serialise(row)
        Prompt.objects.all().hard_delete()
        again = parse("reply.md", files)
        assert again == row
        services.restore_archive([again])
        assert state() == before
        assert interface.render("reply", {}, label="latest").text == content


@pytest.mark.django_db
@pytest.mark.parametrize("content", FORMULAE)
def test_no_cell_is_a_formula(tmp_path, content):
    services.create_prompt(title="Reply", content=content, description=content[:50])
    text = export(tmp_path / "out.csv").read_text(encoding="utf-8")
    for row in list(csv.reader(io.StringIO(text, newline="")))[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    sheet = load_workbook(export(tmp_path / "out.xlsx")).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "inlineStr"}
    for name in ("out.csv", "out.xlsx"):
        Prompt.objects.all().hard_delete()
        load(tmp_path / name)
        assert Prompt.objects.get().content == content


@pytest.fixture
def workshop(db):
    tone = services.create_prompt(
        title="口調", content="{{ 気分 }}で。", syntax="mustache", variables=[{"name": "気分"}]
    )
    services.move_label(prompt_id=tone.pk, label="production", number=1)
    reply = services.create_prompt(
        title="Reply", content="one\r\n", status="active", tags=["a"], metadata={"x": [1]}
    )
    services.edit_prompt(
        prompt_id=reply.pk,
        content="{% include '口調' %} {{ n + 1 }}\n\n",
        syntax="jinja",
        variables=[{"name": "気分"}, {"name": "n", "type": "number", "default": 2}],
        author="aiko",
        change_note="because",
    )
    services.move_label(prompt_id=reply.pk, label="production", number=1)
    services.move_label(prompt_id=reply.pk, label="試験", number=2)
    services.create_prompt(title="Chat", content='[{"role": "user", "content": "Hi"}]', kind="chat")


def test_a_directory_is_lossless_and_stable(workshop, tmp_path):
    before = state()
    export(tmp_path / "a")
    names = sorted(
        path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.md")
    )
    assert names == ["chat.md", "reply.md", "reply.versions/0001.md", "口調.md"]
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")}
    export(tmp_path / "a")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")} == stamps
    Prompt.objects.all().hard_delete()
    load(tmp_path / "a")
    assert state() == before
    export(tmp_path / "b")
    for path in (tmp_path / "a").rglob("*.md"):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()
    assert interface.render("reply", {"気分": "静か"}, label="試験").text == "静かで。 3\n\n"
    load(tmp_path / "a")
    assert state() == before


def test_prune_removes_what_is_gone(workshop, tmp_path):
    export(tmp_path)
    (tmp_path / "README.md").write_text("# ours", encoding="utf-8")
    services.delete_prompt(prompt_id=Prompt.objects.get(name="reply").pk)
    export(tmp_path, "--prune")
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == [
        "README.md",
        "chat.md",
        "口調.md",
    ]
    assert not (tmp_path / "reply.versions").exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("reply.md", "number: 2", "number: 3", "its versions are 1, 3; they must be 1 to 2"),
        ("reply.md", "---\nid", "id", "has no front matter"),
        ("reply.md", "title: Reply", "titel: Reply", "unknown key “titel”"),
        ("reply.md", "tags:", "tags: 3 #", "not valid YAML|tags must be a list"),
        ("reply.md", "{{ n + 1 }}", "{{ m + 1 }}", "“m” is not declared"),
        ("reply.versions/0001.md", "one", "two", "version 1 already exists with different content"),
    ],
)
def test_a_broken_directory_changes_nothing(workshop, tmp_path, name, old, new, sentence):
    export(tmp_path)
    path = tmp_path / name
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())
    before = state()
    with pytest.raises(CommandError, match=sentence) as caught:
        load(tmp_path)
    assert caught.value.returncode == 2
    assert state() == before


def test_errors_of_the_command(workshop, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(CommandError, match="is a file; specify a directory"):
        export(tmp_path / "file")
    with pytest.raises(CommandError, match="There is no prompt “nobody”"):
        export(tmp_path / "x.csv", "--prompt", "nobody")
    services.create_prompt(title="Long", content="x" * 40_000)
    with pytest.raises(CommandError, match="an XLSX cell holds at most 32,767"):
        export(tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unknown_include_is_refused():
    with pytest.raises((BrokenFileError, InvalidInputError)):
        parse("x.md", {"x.md": b"---\nlabels: [1]\n---\nx\n"})


CONVERSATION = [
    {"role": "system", "content": 'Say "{{ x }}".\n---\n'},
    {"type": "placeholder", "name": "履歴"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "= {{ x }}"},
            {"type": "image", "url": "data:image/png;base64,iVBORw=="},
            {"type": "file", "name": "報告.pdf", "url": "https://example.com/{{ x }}"},
        ],
    },
]


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "yaml", "xlsx", ""])
def test_placeholders_and_parts_come_back_from_every_format(tmp_path, suffix):
    prompt = services.create_prompt(
        title="Chat",
        content=json.dumps(CONVERSATION),
        kind="chat",
        syntax="mustache",
        variables=[{"name": "x"}],
    )
    [version] = prompt.versions.all()
    path = tmp_path / (f"prompts.{suffix}" if suffix else "prompts")
    export(path)
    Prompt.objects.all().hard_delete()
    load(path)
    [back] = Prompt.objects.get().versions.all()
    assert (back.content, back.content_hash) == (version.content, version.content_hash)
    messages = interface.render(
        "chat", {"x": "y", "履歴": [{"role": "user", "content": "{{ x }}"}]}, label="latest"
    ).messages
    assert [message.content for message in messages[:2]] == ['Say "y".\n---\n', "{{ x }}"]
    texts = [part.template for part in messages[2].content]
    assert texts == ["= y", "data:image/png;base64,iVBORw==", "https://example.com/y"]


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_list_of_messages_and_placeholders_is_a_chat(tmp_path, suffix):
    path = tmp_path / f"prompts.{suffix}"
    content = CONVERSATION[:2]
    record = {"title": "Chat", "content": content, "syntax": "plain"}
    path.write_text(json.dumps([record]), encoding="utf-8")
    load(path)
    prompt = Prompt.objects.get()
    assert (prompt.kind, json.loads(prompt.content)) == ("chat", content)
