"""Contracts at save, includes, names."""

import json

import pytest

from core.errors import InvalidInputError
from prompts import interface, services
from prompts.models import Prompt
from prompts.naming import make_name

pytestmark = pytest.mark.django_db


def make(title, content, *variables, **fields):
    fields.setdefault("syntax", "mustache")
    declared = [{"name": name} for name in variables]
    return services.create_prompt(title=title, content=content, variables=declared, **fields)


@pytest.mark.parametrize(
    ("content", "variables", "field", "sentence"),
    [
        ("Hi {{ nmae }}", ["name"], "content", "line 1, column 4: “nmae” is not declared; did you"),
        ("Hi", ["name"], "variables", "the variable “name” is declared but not used in the"),
        ("Hi {{#x}}", [], "content", "“{{#x}}” is not a variable; write"),
        ("{{> tone@staging }}", [], "content", "“tone@staging” cannot be included because it"),
    ],
)
def test_a_broken_contract_is_not_saved(content, variables, field, sentence):
    with pytest.raises(InvalidInputError) as caught:
        make("t", content, *variables)
    assert sentence in caught.value.messages[field]
    assert not Prompt.objects.exists()


def test_a_contract_is_checked_when_it_changes_alone():
    prompt = make("t", "Hi {{ name }}", "name")
    with pytest.raises(InvalidInputError, match="not declared"):
        services.edit_prompt(prompt_id=prompt.pk, variables=[])
    edited = services.edit_prompt(
        prompt_id=prompt.pk, variables=[{"name": "name", "default": "you"}]
    )
    assert edited.current_version == 2
    assert interface.render("t", {}, label="latest").text == "Hi you"


def test_an_include_is_pinned_and_follows_with_the_next_save():
    tone = make("tone", "Be {{ mood }}.", "mood")
    services.move_label(prompt_id=tone.pk, label="production", number=1)
    reply = make("reply", "{{> tone }} Answer.", "mood")
    services.edit_prompt(prompt_id=tone.pk, content="Stay {{ mood }}.")
    services.move_label(prompt_id=tone.pk, label="production", number=2)
    assert interface.render("reply", {"mood": "calm"}, version=1).text == "Be calm. Answer."
    edited = services.edit_prompt(prompt_id=reply.pk, content=reply.content)
    assert edited.current_version == 2
    assert interface.render("reply", {"mood": "calm"}, version=2).text == "Stay calm. Answer."
    assert interface.render("reply", {"mood": "calm"}, version=1).text == "Be calm. Answer."
    first, second = reply.versions.order_by("number")
    assert first.content_hash != second.content_hash
    assert (first.includes[0]["number"], second.includes[0]["number"]) == (1, 2)


def test_cycles_are_refused():
    a = make("a", "alpha")
    b = make("b", "{{> a@latest }}")
    make("c", "{{> b@latest }}")
    for name in ("a@latest", "b@latest", "c@latest"):
        with pytest.raises(InvalidInputError, match="includes this prompt; remove one of"):
            services.edit_prompt(prompt_id=a.pk, content=f"{{{{> {name} }}}}")
    assert b.current_version == 1


def test_includes_end_at_five_levels():
    make("p0", "inmost")
    for number in range(1, 6):
        made = make(f"p{number}", f"{number} {{{{> p{number - 1}@latest }}}}")
    rendered = interface.render("p5", {}, label="latest").text
    assert rendered == "5 4 3 2 1 inmost"
    sentence = "“p5@latest” has includes nested more than 5 levels deep; include one of"
    with pytest.raises(InvalidInputError, match=sentence):
        make("p6", "6 {{> p5@latest }}")
    with pytest.raises(InvalidInputError, match="includes this prompt"):
        services.edit_prompt(prompt_id=Prompt.objects.get(name="p0").pk, content="{{> p4@latest }}")
    assert made.current_version == 1


def test_a_chat():
    content = '[{"role": "system", "content": "Be {{ x }}"}, {"role": "user", "content": "Hi"}]'
    make("chat", content, "x", kind="chat")
    rendered = interface.render("chat", {"x": "kind"}, label="latest")
    assert [(m.role, m.content) for m in rendered.messages] == [
        ("system", "Be kind"),
        ("user", "Hi"),
    ]
    with pytest.raises(InvalidInputError, match="message 1: unknown role “boss”; allowed"):
        make("bad", '[{"role": "boss", "content": "x"}]', kind="chat")


HISTORY = {"type": "placeholder", "name": "history"}
CONVERSATION = json.dumps([HISTORY, {"role": "user", "content": "{{ x }}"}])


def test_a_chat_with_a_placeholder():
    make("chat", CONVERSATION, "x", kind="chat")
    history = [{"role": "user", "content": "Hi {{ x }}"}, {"role": "assistant", "content": "?"}]
    rendered = interface.render("chat", {"x": "Why", "history": history}, label="latest")
    texts = [(message.role, message.content) for message in rendered.messages]
    assert texts == [("user", "Hi {{ x }}"), ("assistant", "?"), ("user", "Why")]
    assert len(interface.render("chat", {"x": "Why"}, label="latest").messages) == 1
    prompt = interface.get_prompt("chat", label="latest")
    assert prompt.placeholders == ("history",)
    assert [variable.name for variable in prompt.variables] == ["x"]
    with pytest.raises(interface.TemplateError, match="did you mean “history”"):
        prompt.render({"x": "Why", "histories": []})
    with pytest.raises(InvalidInputError) as caught:
        make("clash", CONVERSATION.replace("history", "x"), "x", kind="chat")
    sentence = "message 1: the placeholder “x” has the name of a variable; rename one of the two"
    assert caught.value.messages == {"content": sentence}


def test_large_data_comes_as_a_variable():
    def look(url):
        return json.dumps([{"role": "user", "content": [{"type": "image", "url": url}]}])

    picture = "data:image/png;base64," + "A" * 200_000
    for syntax in ("plain", "mustache", "jinja"):
        with pytest.raises(InvalidInputError) as caught:
            make("large", look(picture), kind="chat", syntax=syntax)
        assert caught.value.messages["content"].startswith(
            "message 1, part 1: a prompt itself holds data of at most 96 KB per image or file;"
        )
    make("look", look("{{ picture }}"), "picture", kind="chat")
    [message] = interface.render("look", {"picture": picture}, label="latest").messages
    assert message.content[0].url == picture
    make("small", look(picture[:100_022]), kind="chat", syntax="plain")


def test_a_chat_from_before_there_were_placeholders_keeps_its_hash():
    content = '[{"role": "user", "content": "Hi {{ x }}"}]'
    prompt = make("chat", content, "x", kind="chat")
    [version] = prompt.versions.all()
    # As it was stored before.
    old = "f377bd542b5af407e5eeda3fdcf6e9e1ef8f84b5432fd8ebe1b82b38f34ccbc8"
    assert version.content_hash == old
    [message] = interface.render("chat", {"x": "you"}, label="latest").messages
    assert (message.role, message.content) == ("user", "Hi you")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Support reply: calm, exact", "support-reply-calm-exact"),
        ("議事録の要約（三行）", "議事録の要約-三行"),
        ("ＡＢＣ　１２３", "abc-123"),
        ("🙂", "prompt"),
        ("con", "prompt"),
        ("x" * 200, "x" * 60),
        ("v1.2 final.", "v1.2-final"),
    ],
)
def test_names_are_made_of_titles(title, name):
    assert make_name(title) == name
    assert make_name(name) == name


def test_names_are_unique_while_they_are_used():
    first, second = (services.create_prompt(title="Reply", content="x") for _ in "ab")
    assert (first.name, second.name) == ("reply", "reply-2")
    with pytest.raises(InvalidInputError, match="with the name “reply” already exists"):
        services.edit_prompt(prompt_id=second.pk, name="reply")
    services.delete_prompt(prompt_id=first.pk)
    services.edit_prompt(prompt_id=second.pk, name="reply")
    with pytest.raises(InvalidInputError, match="with the name “reply” already exists"):
        services.restore_prompt(prompt_id=first.pk)
