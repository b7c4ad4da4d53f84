"""Contracts at save, includes, names."""

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
