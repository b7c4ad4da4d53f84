"""Full text: any word of any length in any script, ranked, in one statement."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.folding import FOLDS, fold
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


WIDE = [
    # title, content, what is looked for
    ("ＡＢＣ報告", "c", "abc"),
    ("ABC報告", "c", "ＡＢＣ"),
    ("abc報告", "c", "ＡｂＣ報告"),
    ("t", "ﾌﾟﾛﾝﾌﾟﾄを書く", "プロンプト"),
    ("t", "プロンプトを書く", "ﾌﾟﾛﾝﾌﾟﾄ"),
    ("t", "プロンプトを書く", "ﾌﾟ"),
    ("t", "カ\u3099ラス", "ガラス"),
    ("t", "ガラス", "カ\u3099ラス"),
    ("t", "ガラス", "ｶ\u3099ﾗｽ"),
    ("t", "第１２回", "12"),
    ("t", "第12回", "第１２"),
    ("t", "㈱山田", "(株)山田"),
    ("t", "①まず", "1まず"),
    ("t", "a\u3000b", '"a b"'),
    ("t", "ｘ", "x"),
    ("t", "100％", "100%"),
    ("タイトル！", "c", "タイトル!"),
]


@pytest.mark.parametrize(("title", "content", "text"), WIDE)
def test_width_does_not_matter(title, content, text):
    services.create_prompt(title="other", content="nothing")
    made = services.create_prompt(title=title, content=content)
    assert list(selectors.search_prompts(text)) == [made]
    tagged = services.create_prompt(title="tagged", content="c", description=title + content)
    assert set(selectors.search_prompts(text)) == {made, tagged}
    Prompt.objects.filter(pk=made.pk).update(title="new", name="new", content="new")
    assert list(selectors.search_prompts(text)) == [tagged]


def test_a_name_is_found_and_a_title_comes_before_mentions():
    make = services.create_prompt
    mentions = make(
        title="Notes",
        content="invoice " * 9,
        tags=["invoice", "invoices"],
        description="an invoice",
    )
    named = make(title="Rechnung", name="invoice-writer", content="c")
    titled = make(title="The invoice, again", name="x", content="c")
    exact = make(title="Invoice", name="y", content="c")
    for number in range(3):
        make(title=f"Later {number}", content="an invoice")
    found = list(selectors.search_prompts("invoice"))
    assert found[:4] == [exact, titled, named, mentions]
    assert list(selectors.search_prompts("invoice-writer")) == [named]
    assert list(selectors.search_prompts("INVOICE-WRI")) == [named]
    assert selectors.search_prompts("ＩＮＶＯＩＣＥ")[0] == exact
    services.edit_prompt(prompt_id=named.pk, name="bill-writer")
    assert list(selectors.search_prompts("bill-writer")) == [named]
    assert list(selectors.search_prompts("invoice-writer")) == []


def test_the_oldest_title_of_many_mentions_is_found():
    first = services.create_prompt(title="Frequent", content="c")
    rows = [Prompt(title=f"t{n}", name=f"t{n}", content="frequent") for n in range(1010)]
    Prompt.objects.bulk_create(rows)
    found = selectors.search_prompts("frequent")
    assert found.count() == 1011
    assert found[0] == first


def test_a_list_that_is_cut_says_so(client, owner, monkeypatch):
    client.force_login(owner)
    for number in range(3):
        services.create_prompt(title=f"t{number}", content="frequent")
    address = "/admin/prompts/prompt/?q=frequent"
    assert "prompts match; the newest are shown" not in client.get(address).content.decode()
    monkeypatch.setattr("prompts.admin.prompts.MOST_MATCHES", 3)
    assert "At least 3 prompts match" in client.get(address).content.decode()


def test_the_index_folds_as_the_search_does():
    with connection.cursor() as cursor:
        cursor.execute("SELECT source, target FROM prompt_search_folds ORDER BY position")
        assert tuple(map(tuple, cursor.fetchall())) == FOLDS
    every = "".join(source for source, _target in FOLDS)
    prompt = services.create_prompt(title="t", content=f"a{every}b")
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM prompt_search")
        [[stored]] = cursor.fetchall()
    assert stored == fold(prompt.content) + "\x1f\x1f"
    replaced = every
    for source, target in FOLDS:
        replaced = replaced.replace(source, target)
    assert fold(every) == replaced


def test_the_index_follows_every_write(prompts):
    def titles(text):
        return [prompt.title for prompt in selectors.search_prompts(text)]

    prompt = Prompt.objects.get(title="Summary")
    Prompt.objects.filter(pk=prompt.pk).update(title="Digest", name="d", tags=["新しい"])
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
    assert highlight("ﾌﾟﾛとプロ、ＡbC", ["プロ", "abc"]) == (
        "<mark>ﾌﾟﾛ</mark>と<mark>プロ</mark>、<mark>ＡbC</mark>"
    )
    assert excerpt("x" * 99 + "ＡＢＣ", ["abc"]).endswith("ＡＢＣ")
    assert highlight("<b>Reply</b>", ["reply"]) == "&lt;b&gt;<mark>Reply</mark>&lt;/b&gt;"
