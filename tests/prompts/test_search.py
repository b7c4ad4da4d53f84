"""Full text: any word of any length in any script, ranked, in one statement."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from prompts import selectors, services
from prompts.models import Prompt
from prompts.search import excerpt, highlight, matching

pytestmark = pytest.mark.django_db


@pytest.fixture
def prompts():
    make = services.create_prompt
    make(title="議事録の要約", content="会議を三行でまとめる。", tags=["日本語", "会議"])
    make(title="Support reply", content="Answer calmly. 要約", description="For the help desk")
    make(title="Summary", content="Give a Reply in 3 lines", tags=["50%_off"])
    make(title='Quote "this"', content="it's 100% AND OR NOT (x) * ^ : {}")


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("議事録", ["議事録の要約"]),
        ("要約", {"議事録の要約", "Support reply"}),
        ("約", {"議事録の要約", "Support reply"}),
        ("行で", ["議事録の要約"]),
        ("録", ["議事録の要約"]),
        ("る。", ["議事録の要約"]),
        ("日本語", ["議事録の要約"]),
        ("reply", ["Support reply", "Summary"]),
        ("REPLY answer", ["Support reply"]),
        ("help desk", ["Support reply"]),
        ('"help desk"', ["Support reply"]),
        ('"desk help"', []),
        ("50%_off", ["Summary"]),
        ("_o", ["Summary"]),
        ("3", ["Summary"]),
        ('"this"', ['Quote "this"']),
        ("AND", ['Quote "this"']),
        ("(x)", ['Quote "this"']),
        ("*", ['Quote "this"']),
        ("%", {"Summary", 'Quote "this"'}),
        ("zzz", []),
        ("zz", []),
        ("z", []),
        ("reply zz", []),
        ("", {"議事録の要約", "Support reply", "Summary", 'Quote "this"'}),
    ],
)
def test_finding(prompts, text, titles):
    with CaptureQueriesContext(connection) as queries:
        found = [prompt.title for prompt in selectors.search_prompts(text)]
    assert len(queries) == 1
    assert (set(found) if isinstance(titles, set) else found) == titles


def test_the_index_follows_every_write(prompts):
    def titles(text):
        return [prompt.title for prompt in selectors.search_prompts(text)]

    prompt = Prompt.objects.get(title="Summary")
    Prompt.objects.filter(pk=prompt.pk).update(title="Digest", tags=["新しい"])
    assert titles("summary") == []
    assert titles("digest") == titles("新しい") == titles("しい") == ["Digest"]
    services.delete_prompt(prompt_id=prompt.pk)
    assert titles("digest") == []
    services.restore_prompt(prompt_id=prompt.pk)
    assert titles("digest") == ["Digest"]
    Prompt.all_objects.filter(pk=prompt.pk).hard_delete()
    assert titles("digest") == []


class TestEveryPartIsFound(TestCase):
    @settings(max_examples=40)
    @given(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]),
            min_size=1,
            max_size=30,
        ),
        st.data(),
    )
    def test_any_substring(self, text, data):
        prompt = services.create_prompt(title="t", content=text)
        start = data.draw(st.integers(0, len(text) - 1))
        part = text[start : data.draw(st.integers(start + 1, len(text)))]
        if '"' not in part:
            assert prompt in matching(Prompt.objects.all(), f'"{part}"')


def test_excerpt_and_highlight():
    text = "a" * 200 + " the needle here " + "b" * 200
    assert "needle" in excerpt(text, ["needle"])
    assert len(excerpt(text, ["needle"])) < 150
    assert highlight("<b>Reply</b>", ["reply"]) == "&lt;b&gt;<mark>Reply</mark>&lt;/b&gt;"
