"""Records in a real browser: from the list to a record, and from there to a test case."""

import pytest

from evaluations.models import CallRecord, TestCase
from prompts import services as prompt_services
from tests.support.records import keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def records(settings):
    settings.GATEWAY_RECORDS_DAYS = 30
    prompt_services.create_prompt(title="support/reply", name="support/reply", content="Be kind.")
    keep(
        source="gateway",
        prompt_name="support/reply",
        prompt_number=1,
        input_tokens=1200,
        output_tokens=35,
        parameters={"temperature": 0.2},
        variables={"customer": "Aiko"},
    )
    keep(output="Hel", error="the stream ended before the whole answer had come")
    keep(
        messages=[{"role": "user", "content": "x" * 3000}],
        output="荷物は明日届きます。\n" * 20,
        model="anthropic/claude-sonnet-with-a-rather-long-name",
        trace_id="a" * 32,
        metadata={"session": "s1", "tags": ["a", "b"]},
    )


def test_from_the_list_to_a_test_case(owner, records, open_browser):
    view = open_browser()
    view.enter(owner)
    view.go("/admin/evaluations/callrecord/")
    assert "Where is my parcel? Number 5." in view.page.inner_text("#result_list")
    view.go("/admin/evaluations/callrecord/?error=no&source__exact=gateway")
    view.page.click("#result_list tbody .field-asked_at a")
    assert "Be short." in view.page.inner_text("body")
    view.page.click("text=Make test cases")
    view.page.fill("[name=suite_name]", "From production")
    view.page.check("[name=expect_answer]")
    view.page.click("button[name=confirmed]")
    view.page.click("text=From production")
    case = TestCase.objects.get()
    assert view.page.url.endswith(f"/admin/evaluations/testsuite/{case.suite.pk}/change/")
    assert (case.variables, case.expected) == ({"customer": "Aiko"}, "On its way.")
    assert view.faults == []


@pytest.mark.parametrize("width", [390, 1440])
def test_the_pages_fit(owner, records, open_browser, width):
    view = open_browser(width=width)
    view.enter(owner)
    for path in ("", f"{CallRecord.objects.latest('pk').pk}/change/"):
        view.go(f"/admin/evaluations/callrecord/{path}")
        assert view.excess_px() == 0
    assert view.faults == []
