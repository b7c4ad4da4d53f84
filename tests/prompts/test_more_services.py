"""Services at their edges: archives that are wrong, columns of rows, templates, bulk writes."""

import json

import pytest

from core import diffing
from core.errors import InvalidInputError, NotFoundError
from prompts import services
from prompts.exporting import Archived, ArchivedVersion
from prompts.importing import Row
from prompts.models import Prompt, PromptEvent
from prompts.preview import preview
from prompts.services.import_fields import split_fields

pytestmark = pytest.mark.django_db


def archived(**fields):
    versions = fields.pop("versions", (ArchivedVersion(number=1, content="one"),))
    return Archived(**{"name": "reply", "title": "Reply", "versions": versions} | fields)


def test_an_archive_without_key_and_times_makes_a_prompt_and_is_known_by_its_name():
    row = archived(status="active")
    assert services.restore_archive([row])["imported"] == 1
    assert services.restore_archive([row])["unchanged"] == 1
    more = (*row.versions, ArchivedVersion(number=2, content="two"))
    changed = archived(status="active", versions=more, tags=["x"], labels={"staging": 2})
    assert services.restore_archive([changed])["updated"] == 1
    labelled = archived(status="active", versions=more, tags=["x"], labels={"staging": 1})
    assert services.restore_archive([labelled])["updated"] == 1
    prompt = Prompt.objects.get()
    assert (prompt.content, prompt.current_version, prompt.tags) == ("two", 2, ["x"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"id": "no-uuid"}, "must be a UUID"),
        ({"labels": {"staging": "1"}}, "must point to a version number"),
        ({"title": ""}, "cannot be blank"),
        ({"versions": (ArchivedVersion(number=1, content="x", includes=[{}]),)}, "version 1"),
        ({"versions": (ArchivedVersion(number=1, content="x", variables=["x"]),)}, "version 1"),
    ],
)
def test_a_wrong_archive_changes_nothing(fields, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        services.restore_archive([archived(**fields)])
    assert not Prompt.objects.exists()


def test_an_archive_of_a_prompt_in_the_trash_is_refused():
    prompt = services.create_prompt(title="Reply", content="one")
    services.delete_prompt(prompt_id=prompt.pk)
    with pytest.raises(InvalidInputError, match="this prompt is in the trash"):
        services.restore_archive([archived(id=str(prompt.pk))])


def row(**metadata):
    return Row(
        line=1,
        title="t",
        content="c",
        metadata=metadata,
        title_column="title",
        content_column="content",
    )


@pytest.mark.parametrize(
    ("metadata", "fields"),
    [
        ({"other": 1}, {"metadata": {"other": 1}}),
        ({"description": "", "kind": "text"}, {"kind": "text", "metadata": {}}),
        ({"tags": None, "variables": None}, {"tags": [], "variables": [], "metadata": {}}),
        ({"tags": "a, b"}, {"tags": ["a", "b"], "metadata": {}}),
        ({"tags": '["a,"]'}, {"tags": ["a,"], "metadata": {}}),
        ({"tags": ["a"]}, {"tags": ["a"], "metadata": {}}),
        ({"variables": " "}, {"variables": [], "metadata": {}}),
        ({"metadata": {"a": 1}, "b": 2}, {"metadata": {"a": 1, "b": 2}}),
        ({"metadata": ""}, {"metadata": {}}),
        ({"metadata": '{"a": 1}'}, {"metadata": {"a": 1}}),
        (
            {"variables": '[{"name": "x"}]'},
            {"variables": [{"name": "x"}], "syntax": "mustache", "metadata": {}},
        ),
    ],
)
def test_columns_become_fields(metadata, fields):
    assert split_fields(row(**metadata)) == {"title": "t", "content": "c"} | fields


@pytest.mark.parametrize("metadata", [{"variables": "{"}, {"tags": "["}, {"metadata": "[]"}])
def test_columns_that_cannot_be_read(metadata):
    with pytest.raises(InvalidInputError, match="must be a JSON"):
        split_fields(row(**metadata))


def test_an_update_that_breaks_the_contract_is_a_rejection():
    services.create_prompt(
        title="t", content="{{ x }}", syntax="mustache", variables=[{"name": "x"}]
    )
    rejections = []
    options = services.ImportOptions(on_duplicate="update")
    services.import_rows([row()], options, rejections.append)
    assert "is declared but not used in the text; use it or" in str(rejections[0])


def test_a_template_is_filled():
    template = services.create_template(
        name="T",
        content="{{ a }} {{ b }}",
        parameters=[{"name": "a"}, {"name": "b", "type": "number"}],
    )
    content, rest = services.fill_template(template, values={"a": "x", "b": ""})
    assert (content, [entry["name"] for entry in rest]) == ("x {{ b }}", ["b"])
    with pytest.raises(InvalidInputError, match="must be a number"):
        services.fill_template(template, values={"b": "many"})


@pytest.mark.parametrize(
    ("content", "parameters", "field"),
    [("{{ a }}", [], "content"), ("a", [{"name": "a"}], "parameters"), ("a", [3], "parameters")],
)
def test_a_template_keeps_its_contract(content, parameters, field):
    with pytest.raises(InvalidInputError) as caught:
        services.create_template(name="T", content=content, parameters=parameters)
    assert list(caught.value.messages) == [field]


def test_many_at_once():
    prompts = [services.create_prompt(title=name, content=name, tags=["x"]) for name in "abc"]
    services.edit_prompt(prompt_id=prompts[0].pk, status="active")
    assert services.set_status(Prompt.objects.all(), status=Prompt.Status.ARCHIVED) == 3
    assert services.set_status(Prompt.objects.all(), status=Prompt.Status.ARCHIVED) == 0
    assert services.unarchive_prompts(Prompt.objects.all(), actor="aiko") == 3
    assert list(Prompt.objects.order_by("name").values_list("status", flat=True)) == [
        "active",
        "draft",
        "draft",
    ]
    assert services.add_tags(Prompt.objects.all(), tags=["x"]).changed == 0
    changes = services.add_tags(Prompt.objects.all(), tags=["x", "y"], actor="aiko")
    assert (changes.changed, changes.refused) == (3, [])
    assert Prompt.objects.first().tags == ["x", "y"]


def test_what_is_too_long_or_not_there():
    prompt = services.create_prompt(title="a", content="a", description="d" * 900)
    with pytest.raises(InvalidInputError, match="characters; the limit is 500"):
        services.delete_prompt(prompt_id=prompt.pk, reason="x" * 501)
    services.edit_prompt(prompt_id=prompt.pk, description="e" * 900)
    assert len(PromptEvent.objects.get().details["description"][0]) == 501
    with pytest.raises(InvalidInputError, match="must be 0 or more"):
        services.find_purgeable(older_than_days=-1)
    with pytest.raises(NotFoundError, match="has no label"):
        services.remove_label(prompt_id=prompt.pk, label="staging")
    assert services.edit_prompt(prompt_id=prompt.pk, content="a").current_version == 1
    assert services.edit_prompt(prompt_id=prompt.pk, title="a").current_version == 1


def test_declarations_that_cannot_be_read_are_problems():
    found = services.examine(kind="text", syntax="jinja", content="{{ x }}", variables=[{"nme": 1}])
    assert (found.template, [problem.code for problem in found.problems]) == (
        None,
        ["declaration-name"],
    )
    with pytest.raises(InvalidInputError, match="is not a valid variable name; use letters"):
        services.create_prompt(title="t", content="x", syntax="jinja", variables=[{"nme": 1}])
    broken = services.examine(kind="chat", syntax="jinja", content="{", variables=[])
    assert [problem.code for problem in broken.problems] == ["chat-json"]


def test_the_preview():
    sent = {
        "kind": "text",
        "syntax": "jinja",
        "content": "{{ a }} {{ n }} {{ l }} {{ o.x }}",
        "variables": [
            {"name": "a", "example": "A"},
            {"name": "n", "type": "number"},
            {"name": "l", "type": "list"},
            {"name": "o", "type": "json"},
        ],
        "values": {"n": "many", "gone": "1"},
    }
    answer = preview(sent)
    assert answer["problems"] == []
    assert len(answer["missing"]) == 2
    answer = preview(sent | {"content": "{{ a }}", "variables": sent["variables"][:1]})
    assert answer["messages"] == [{"role": "", "content": "A"}]
    answer = preview(sent | {"content": "{{ aa }}", "variables": sent["variables"][:1]})
    assert [(p["field"], p["near"]) for p in answer["problems"]] == [
        ("content", "a"),
        ("variables", ""),
    ]


PLACEHOLDER = {"type": "placeholder", "name": "history"}
TURN = {"role": "assistant", "content": "Hi {{ x }}"}


def preview_of(*entries, **values):
    content = json.dumps(entries)
    sent = {"kind": "chat", "syntax": "mustache", "content": content, "values": values}
    return preview(sent)


def test_the_preview_fills_a_placeholder_with_messages_in_json():
    question = {"role": "user", "content": "Why?"}
    answer = preview_of(PLACEHOLDER, question, history=json.dumps([TURN]))
    assert (answer["messages"], answer["missing"]) == ([TURN, question], [])
    answer = preview_of(PLACEHOLDER, question, history="")
    assert (answer["messages"], answer["missing"]) == ([question], [])
    answer = preview_of(PLACEHOLDER, question, history="[{")
    assert answer["messages"] == [question]
    [problem] = answer["missing"]
    assert (problem["code"], problem["variable"]) == ("history-list", "history")
    answer = preview_of(PLACEHOLDER, question, history='[{"role": "user"}]')
    assert [problem["code"] for problem in answer["missing"]] == ["chat-message"]
    [problem] = preview_of(PLACEHOLDER)["missing"]
    assert problem["code"] == "chat-empty"
    [problem] = preview_of(question, PLACEHOLDER | {"name": "{{x}}"})["problems"]
    assert (problem["code"], problem["field"], problem["message"]) == (
        "placeholder-name",
        "content",
        2,
    )


def test_the_preview_names_images():
    image = {"type": "image", "url": "data:image/png;base64,iVBORw=="}
    parts = [{"type": "text", "text": "What?"}, image]
    [message] = preview_of({"role": "user", "content": parts})["messages"]
    assert message["content"].startswith("What?\n\n[image data:image/png, 6 bytes, sha256 ")
    [problem] = preview_of({"role": "user", "content": [image | {"url": "x"}]})["problems"]
    assert problem["text"].startswith("message 1, part 1: the address of an image or a file must")


def text_of(side):
    return "".join(text for _, text in side.pieces) if side else None


def test_a_comparison():
    before, after = "a\nsame\nold 言葉\ngone\nz", "a\nsame\nnew 言語\nz\nmore"
    rows = diffing.compare(before, after)
    assert [row.kind for row in rows] == ["same", "same", "changed", "removed", "same", "added"]
    assert rows[2].left.pieces == ((True, "old"), (False, " 言"), (True, "葉"))
    assert rows[2].right.pieces == ((True, "new"), (False, " 言"), (True, "語"))
    assert diffing.compare("a", "a") == [diffing.Row(kind="gap")]
    everything = diffing.compare(before, after, context=None)
    assert "\n".join(text_of(row.left) for row in everything if row.left) == before
    assert "\n".join(text_of(row.right) for row in everything if row.right) == after
    assert [row.kind for row in diffing.compare("x" * 5000, "y" * 5000)] == ["changed"]
    many = diffing.compare("\n".join("abcdefghij"), "\n".join("Xbcdefghiy"))
    assert [row.kind for row in many].count("gap") == 1
