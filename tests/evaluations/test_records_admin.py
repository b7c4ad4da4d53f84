"""Pages of records: who sees them, what the list shows, how it is filtered, one call as a whole."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluations.models import CallRecord
from prompts import services as prompt_services
from tests.support.records import keep, log_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:evaluations_callrecord_changelist")


@pytest.fixture(autouse=True)
def _records_are_kept(settings):
    settings.GATEWAY_RECORDS_DAYS = 30


def page(row: CallRecord, name: str = "change") -> str:
    return reverse(f"admin:evaluations_callrecord_{name}", args=[row.pk])


@pytest.fixture
def editor(client):
    return log_in(client, "Editor")


@pytest.mark.parametrize(
    ("role", "sees", "deletes"),
    [
        ("Viewer", False, False),
        ("Editor", True, False),
        ("Publisher", True, True),
        ("Administrator", True, True),
    ],
)
def test_who_sees_and_who_deletes(client, role, sees, deletes):
    row = keep()
    log_in(client, role)
    assert client.get(LIST).status_code == (200 if sees else 403)
    answer = client.get(page(row))
    assert answer.status_code == (200 if sees else 403)
    assert (page(row, "delete") in answer.content.decode()) is deletes
    assert client.get(reverse("admin:evaluations_callrecord_add")).status_code == 403
    assert client.get(page(row, "delete")).status_code == (200 if deletes else 403)
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == (
        302 if deletes else 403
    )
    assert CallRecord.objects.exists() is not deletes


def test_selected_records_are_deleted(client):
    log_in(client, "Publisher")
    rows = [keep() for _row in range(3)]
    chosen = {"action": "delete_selected", "_selected_action": [rows[0].pk, rows[2].pk]}
    client.post(LIST, chosen | {"post": "yes"})
    assert list(CallRecord.objects.all()) == [rows[1]]


def test_the_list_shows_beginnings(editor):
    prompt = prompt_services.create_prompt(title="Reply", content="Answer.")
    long = "x" * 100_000
    keep(output=f"Second line\n{long}", prompt_name="reply", prompt_number=1, input_tokens=1200,
         output_tokens=7, cost_usd=Decimal("0.000012"))  # fmt: skip
    keep(output="", error="the service is away", messages=[], prompt_name="gone")
    html = editor.get(LIST).content.decode()
    assert "Where is my parcel? Number 5." in html
    assert "Second line xxxxx" in html
    assert "x" * 200 not in html
    assert "1,200 / 7" in html
    assert "$0.000012" in html
    assert "2.2 s" in html
    address = reverse("admin:prompts_promptversion_change", args=[prompt.versions.get().pk])
    assert f'<a class="wk-link" href="{address}">reply v1</a>' in html
    assert '<span class="wk-chip ev-error">error</span> the service is away' in html
    assert ">gone<" in html.replace(" ", "").replace("\n", "")


def test_a_page_of_the_list_takes_few_queries_and_no_texts(editor):
    def count() -> tuple[int, bool]:
        with CaptureQueriesContext(connection) as context:
            assert editor.get(LIST).status_code == 200
        rows = [query["sql"] for query in context if "JSON_EXTRACT" in query["sql"]]
        return len(context), any('"call_records"."parameters"' in sql for sql in rows)

    keep()
    few = count()
    for _row in range(9):
        keep(prompt_name="p")
    assert count() == few
    assert few[0] <= 8
    assert few[1] is False


FOUND = [
    ("parcel", 1),
    ("PARCEL way", 1),
    ("短い", 1),
    ("parcel 短い", 0),
    ("gpt", 2),
    ("support/", 1),
    ("shop", 2),
    ("a" * 32, 1),
    ("refused", 1),
    ("nothing-like-it", 0),
]


@pytest.mark.parametrize(("text", "count"), FOUND)
def test_the_list_is_searched(editor, text, count):
    keep(trace_id="a" * 32, error="refused")
    keep(messages=[{"role": "user", "content": "短い\n質問"}], output="", prompt_name="support/x")
    rows = editor.get(LIST, {"q": text}).context["cl"].result_list
    assert len(rows) == count


def test_a_search_is_bounded(editor):
    keep()
    answer = editor.get(LIST, {"q": "word " * 100}, follow=True)
    assert "Search for up to 32 words" in answer.content.decode()


FILTERS = [
    ({"source__exact": "gateway"}, 1),
    ({"source__exact": "trace"}, 2),
    ({"model": "m2"}, 1),
    ({"prompt": "reply"}, 1),
    ({"error": "yes"}, 1),
    ({"error": "no"}, 2),
    ({"model": "nobody"}, 0),
    ({"prompt": "nobody"}, 0),
    ({"error": "", "model": "", "prompt": ""}, 3),
]


@pytest.mark.parametrize(("chosen", "count"), FILTERS)
def test_the_list_is_filtered(editor, chosen, count):
    keep(source="gateway")
    keep(model="m2", error="no")
    keep(prompt_name="reply")
    assert len(editor.get(LIST, chosen).context["cl"].result_list) == count


def test_the_list_is_filtered_by_date(editor):
    keep()
    keep(asked_at=timezone.now() - timedelta(days=40))
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    chosen = {
        "asked_at__gte": str(today - timedelta(days=7)),
        "asked_at__lt": str(today + timedelta(days=1)),
    }
    assert len(editor.get(LIST, chosen).context["cl"].result_list) == 1


@pytest.mark.parametrize("name", ["error", "source__exact", "rumour"])
def test_values_that_no_filter_offers_are_told(editor, name):
    keep()
    answer = editor.get(LIST, {name: "nobody"}, follow=True)
    assert "Showing the whole list." in answer.content.decode()


def test_a_record_is_read_as_a_whole(editor):
    row = keep(
        name="answer",
        trace_id="a" * 32,
        span_id="b" * 16,
        variables={"question": "Where?"},
        parameters={"temperature": 0.25},
        metadata={"session": "<s1>"},
        error="the stream <b>ended</b>",
        messages=[
            {"role": "user", "content": "<script>alert(1)</script>"},
            {"role": "assistant", "content": "",
             "tool_calls": [{"function": {"name": "find", "arguments": '{"id": 5}'}}]},
        ],
        output="x" * 100_001,
    )  # fmt: skip
    html = editor.get(page(row)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html
    assert "the stream &lt;b&gt;ended&lt;/b&gt;" in html
    assert "find {&quot;id&quot;: 5}" in html
    for text in ("temperature", "0.25", "&lt;s1&gt;", "Where?", "a" * 32, "b" * 16, "shop"):
        assert text in html
    assert "Something was too long to be kept whole" in html


def test_a_record_of_which_little_is_known_has_a_page(editor):
    row = keep(model="", provider="", name="", messages=[], output="")
    html = editor.get(page(row)).content.decode()
    assert "No messages are known." in html
    assert "The answer is empty." in html
    assert (
        editor.get(reverse("admin:evaluations_callrecord_change", args=[10**9])).status_code == 404
    )


def test_the_pages_speak_japanese(editor):
    row = keep()
    editor.cookies["django_language"] = "ja"
    assert "記録" in editor.get(LIST).content.decode()
    assert "メッセージ" in editor.get(page(row)).content.decode()
