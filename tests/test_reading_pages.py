"""Pages for those who may not edit: texts as texts, chats as messages, no JSON, no internals."""

import json
import re

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from core.reading import document_as_html
from evaluations.models import ModelProfile, TestCase, TestResult
from evaluations.services.suites import create_case, create_suite
from prompts import services
from prompts.models import PromptVersion
from tests.support.evaluations import create_evaluation

pytestmark = pytest.mark.django_db

CHAT = json.dumps(
    [
        {"role": "system", "content": "丁寧に。\n短く。"},
        {"role": "user", "content": "{{ 質問 }}"},
    ]
)  # with \uXXXX, as programs send it


@pytest.fixture
def viewer(client):
    user = User.objects.create_user("viewer", password="viewer-pass", is_staff=True)
    user.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(user)
    return client


@pytest.fixture
def rows():
    chat = services.create_prompt(
        title="相談",
        content=CHAT,
        kind="chat",
        syntax="mustache",
        variables=[{"name": "質問", "description": "客の質問"}],
        metadata={"出典": "本\n第二版"},
        tags=["日本語"],
    )
    text = services.create_prompt(title="返信", content="一行目\n  二行目 <b>")
    template = services.create_template(
        name="調子", content="一行目\n{{ 調子 }}", parameters=[{"name": "調子"}]
    )
    suite = create_suite(name="質問集", description="一行目\n二行目")
    case = create_case(
        suite_id=suite.pk,
        name="一",
        variables={"質問": "なぜ\nですか"},
        expected="一行目\n二行目",
        assertions=[{"type": "contains", "value": "はい"}],
    )
    evaluation = create_evaluation(prompt_id=text.pk, suite_id=suite.pk, parameters={"温度": 0.5})
    TestResult.objects.create(
        evaluation=evaluation, case=case, output="一行目\n二行目", passed=True
    )
    profile = ModelProfile.objects.create(name="模型", provider="echo", parameters={"停止": ["終"]})
    return [
        chat,
        text,
        PromptVersion.objects.get(prompt=chat),
        template,
        suite,
        TestCase.objects.get(),
        evaluation,
        TestResult.objects.get(),
        profile,
    ]


def page_of(client, row) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    answer = client.get(reverse(name, args=[row.pk]))
    assert answer.status_code == 200, row
    return answer.content.decode()


def shown(html: str) -> str:
    """Return what the main part of a page shows."""
    html = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    main = html[html.index('id="content-main"') :]
    return re.sub(r"<[^>]*>", "", main)


def test_no_page_of_a_reader_shows_json(viewer, rows):
    for row in rows:
        text = shown(page_of(viewer, row))
        assert "\\u" not in text, row
        assert "{&quot;" not in text, row
        assert "[&quot;" not in text, row
        assert "[]" not in text, row
        assert "DatabaseDefault" not in text, row


def test_a_chat_is_read_as_messages(viewer, rows):
    for row in (rows[0], rows[2]):
        html = page_of(viewer, row)
        assert html.count('class="af-message"') == 2
        assert '<strong class="af-role">system</strong>' in html
        assert "丁寧に。\n短く。" in html


def test_placeholders_are_read_and_compared(viewer):
    entries = [
        {"role": "system", "content": "丁寧に。"},
        {"type": "placeholder", "name": "履歴"},
        {"role": "user", "content": "なぜ"},
    ]
    chat = services.create_prompt(title="相談", content=json.dumps(entries), kind="chat")
    html = page_of(viewer, chat)
    assert html.count('class="af-message"') == 3
    assert '<strong class="af-role">placeholder</strong>' in html
    assert "履歴" in html
    entries[1]["name"] = "会話"
    services.edit_prompt(prompt_id=chat.pk, content=json.dumps(entries))
    url = reverse("admin:prompts_prompt_diff", args=[chat.pk])
    compared = viewer.get(url).content.decode()
    assert "placeholder:" in compared
    assert "<del>履歴</del>" in compared
    assert "<ins>会話</ins>" in compared


def test_parts_are_read_and_compared(viewer):
    image = {"type": "image", "url": "data:image/png;base64,iVBORw=="}
    parts = [{"type": "text", "text": "これは"}, image]
    chat = services.create_prompt(
        title="写真", content=json.dumps([{"role": "user", "content": parts}]), kind="chat"
    )
    html = page_of(viewer, chat)
    assert "これは\n\n[image data:image/png, 6 bytes, sha256 " in html
    assert "iVBORw" not in html
    image["url"] = "https://example.com/<b>.png"
    services.edit_prompt(
        prompt_id=chat.pk, content=json.dumps([{"role": "user", "content": parts}])
    )
    compared = viewer.get(reverse("admin:prompts_prompt_diff", args=[chat.pk])).content.decode()
    assert "https://example.com/&lt;b&gt;.png" in compared.replace("<ins>", "").replace(
        "</ins>", ""
    )


def test_line_breaks_are_kept_and_signs_are_escaped(viewer, rows):
    assert "一行目\n  二行目 &lt;b&gt;" in page_of(viewer, rows[1])
    for row in (rows[4], rows[5], rows[7]):
        assert "一行目\n二行目" in page_of(viewer, row)


def test_documents_are_lists_and_tables(viewer, rows):
    case = page_of(viewer, rows[5])
    assert "<dt>質問</dt>" in case
    assert '<th scope="col">value</th>' in case
    assert '<th scope="col">description</th>' in page_of(viewer, rows[0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        ([], "–"),
        ({}, "–"),
        (True, "Yes"),
        (0, '<div class="af-read" dir="auto">0</div>'),
        ("<b>\n", '<div class="af-read" dir="auto">&lt;b&gt;\n</div>'),
        (["日"], '<ul class="af-items"><li><div class="af-read" dir="auto">日</div></li></ul>'),
    ],
)
def test_a_document_without_its_signs(value, expected):
    assert document_as_html(value) == expected


def test_a_document_has_an_end():
    deep = {}
    for _level in range(100):
        deep = {"x": [deep]}
    assert "…" in document_as_html(deep)
    assert "… (5000)" in document_as_html([*range(5000)])


def test_add_pages_show_no_times_that_are_not_yet(client, owner):
    client.force_login(owner)
    for name in ("prompts_prompt", "prompts_prompttemplate", "evaluations_testsuite",
                 "evaluations_testcase", "evaluations_modelprofile", "evaluations_releasegate",
                 "evaluations_evaluation"):  # fmt: skip
        html = client.get(reverse(f"admin:{name}_add")).content.decode()
        assert "DatabaseDefault" not in html, name
        assert "field-created_at" not in html, name
