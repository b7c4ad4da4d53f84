"""What a real service may answer, row by row: what is stored of it, what it cost, what is reported.

Each row is one answer (status, headers, body) of a fake service over real HTTP; a run asks it once.
"""

import csv
import io
import json
from contextlib import closing
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from evaluations.engine.providers import Limits, Price, ProviderSpec
from evaluations.engine.types import UNFINISHED, Assertion, Case
from evaluations.models import RunCase, TestResult
from evaluations.reporting import FORMATS, build_report, write
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from tests.support.fake_models import FakeModels, Step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

KEY = "sk-very-secret-0123456789"
PRICE = Price(
    input_usd_per_million=Decimal(10),
    output_usd_per_million=Decimal(20),
    cache_read_usd_per_million=Decimal(1),
)
USAGE = {"prompt_tokens": 100, "completion_tokens": 10}
COST = Decimal("0.0012")
CHECK = Assertion(type="contains", value="Paris")


def chat(content, finish="stop", *, usage=USAGE, **more):
    message = {"role": "assistant", "content": content} | more.pop("message", {})
    return {"choices": [{"message": message, "finish_reason": finish, **more}], "usage": usage}


def claude(text, stop="end_turn", **usage):
    blocks = [{"type": "text", "text": text}] if text else []
    counts = {"input_tokens": 100, "output_tokens": 10} | usage
    return {"content": blocks, "stop_reason": stop, "usage": counts}


def error(message, **more):
    return {"error": {"message": message, **more}}


def ok(body, output="Paris", **expected):
    return Step(body=body), {"output": output, "passed": True} | expected


def bad(step, sentence, *, requests=1, **expected):
    return step, {"passed": None, "error": sentence, "requests": requests} | expected


REASONED = {"reasoning_content": "Let me think"}
CUT = "The answer was cut off at the token limit (finish_reason length)"
FILTERED = "The content filter of the provider blocked the answer (finish_reason content_filter)"
ALL_REASONING = "The answer is empty: all tokens were spent"
OPENAI = [
    ok(chat("Paris"), cost=COST),
    (Step(status=201, body=chat("Paris")), {"output": "Paris", "passed": True, "cost": COST}),
    (Step(status=202, body=chat("Paris")), {"output": "Paris", "passed": True}),
    ok(chat("Paris", usage=None), cost=True),
    ok(chat("Paris", usage={"prompt_tokens": 100.0, "completion_tokens": 10.0}), cost=COST),
    ok(
        chat("Paris", usage=USAGE | {"prompt_tokens_details": {"cached_tokens": 90}}),
        cost=Decimal("0.00039"),
    ),
    ok(chat("Paris", usage=USAGE | {"prompt_cache_hit_tokens": 90}), cost=Decimal("0.00039")),
    ok("\n\n   \n" + json.dumps(chat("Paris"))),
    ok(chat([{"type": "text", "text": "Par"}, {"type": "text", "text": "is"}])),
    ok(chat([{"type": "thinking", "thinking": [{"text": "Rome"}]}, {"text": "Paris"}])),
    ok({"choices": [{"text": "Paris", "finish_reason": "stop"}]}),
    ok({"message": {"content": "Paris"}, "done": True, "done_reason": "stop"}, reason="stop"),
    ok(chat("Paris", message={"tool_calls": []})),
    ok(chat("Paris \ud83d"), output="Paris \ufffd"),
    ok(chat(f"Paris {KEY}"), output="Paris [key masked]"),
    ok(json.dumps(chat(f"Paris {KEY}")).replace("sk-", "\\u0073k-"), output="Paris [key masked]"),
    ok(chat("Paris") | {"error": None}),
    ok(chat("Paris", "length"), reason="length", note=CUT),
    ok(chat("Paris", "MAX_TOKENS"), reason="length", note="(finish_reason length, MAX_TOKENS)"),
    ok(chat("Paris", "content_filter"), reason="content_filter", note=FILTERED),
    ok(chat("Paris", "eos"), reason="stop", note=""),
    ok(chat("Paris", "odd"), reason="odd", note="an unknown reason (finish_reason odd)"),
    (Step(body=chat("", "length", message=REASONED)), {"passed": False, "note": ALL_REASONING}),
    (Step(body=chat("", "length")), {"passed": False, "note": "The answer is empty: it was cut"}),
    (Step(body=chat(None)), {"passed": False, "note": "The answer is empty (finish_reason stop)"}),
    bad(
        Step(body=chat("Par", "error", error={"code": 502, "message": "upstream died"})),
        "broke off its answer: upstream died", output="Par", reason="error",
    ),
    bad(Step(body=chat("", error={"code": 502, "message": "upstream died"})), "upstream died",
        requests=3),
    bad(Step(body=error("upstream overloaded", code=502)), "failed (502): upstream overloaded",
        requests=3),
    bad(Step(body=error("slow", code=429)), "too many requests (429): slow", requests=3),
    bad(Step(body=error("slow", code="429")), "too many requests (429): slow", requests=3),
    bad(Step(body=error("odd")), "rejected the request: odd"),
    bad(Step(body={"error": "odd"}), "rejected the request: odd"),
    bad(Step(body={"object": "error", "message": "no", "code": 400}), "request (400): no"),
    bad(Step(body={"errors": [{"message": "no", "code": 7003}]}), "rejected the request: no"),
    bad(Step(body=error("x", code="context_length_exceeded")), "too long for this model"),
    bad(Step(status=400, body=error("x", code="content_filter")), "content filter"),
    bad(Step(status=403, body=error("Input was flagged")), "(403): Input was flagged"),
    bad(Step(status=403, body="<html><title>Attention</title></html>"), "a web page, “Attention”"),
    bad(Step(status=404, body="<html>404 page not found</html>"), "requested at http://127.0.0.1"),
    bad(Step(status=307, headers={"Location": "http://u:p@127.0.0.1:1/else?k=v"}, body=""),
        "a redirect (307) to http://127.0.0.1:1/else, which is not followed"),
    bad(Step(status=429, headers={"Retry-After": "86400"}, body="day"), "a wait of 86,400 s"),
    bad(Step(body="<html><title>Sign in</title></html>"), "is a web page, not JSON: “Sign in”"),
    bad(Step(body='data: {"choices": []}\n\ndata: [DONE]\n\n'), "is an event stream"),
    bad(Step(status=204, body=""), "is empty (204), not JSON"),
    bad(Step(status=502, body="<html><b>Bad\x1b[31m Gateway</b></html>"),
        "failed (502): a web page, “Bad [31m Gateway”", requests=3),
    bad(Step(body={"choices": []}), "has no message: choices is empty"),
    bad(Step(body=b'{"choices":[{"message":{"content":"Caf\xe9"}}]}'), "is not UTF-8"),
    bad(Step(body="x" * (32 * 1024**2 + 1)), "is larger than 32 MiB"),
    bad(Step(cut=True), "was cut"),
]  # fmt: skip
CACHED = {"cache_read_input_tokens": 1000, "cache_creation_input_tokens": 500}
HOUR = {"cache_creation": {"ephemeral_1h_input_tokens": 500, "ephemeral_5m_input_tokens": 0}}
ANTHROPIC = [
    ok(claude("Paris"), reason="stop", cost=COST),
    # 100 × 10 + 1000 × 1 + 500 × 12.5 + 10 × 20; for an hour, 500 × 20
    ok(claude("Paris", **CACHED), cost=Decimal("0.00845"), input_tokens=1600),
    ok(claude("Paris", **CACHED, **HOUR), cost=Decimal("0.0122"), input_tokens=1600),
    ok(claude("Paris", "max_tokens"), reason="length", note="length, max_tokens)"),
    ok(claude("Paris", "pause_turn"), reason="length", note="length, pause_turn)"),
    ok(claude("Paris", "model_context_window_exceeded"), reason="length", note="window_exceeded)"),
    (Step(body=claude("", "refusal")), {"passed": False, "reason": "content_filter",
                                        "note": "content_filter, refusal)"}),
    bad(Step(body={"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}),
        "failed (529): Busy", requests=3),
    bad(Step(body={"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}}),
        "too many requests (429): Slow", requests=3),
    bad(Step(body={"type": "error", "error": {"type": "invalid_request_error", "message": "No"}}),
        "rejected the request: No"),
    bad(Step(status=529, body={"type": "error", "error": {"message": "Overloaded"}}),
        "failed (529): Overloaded", requests=3),
]  # fmt: skip
VARIABLES = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("evaluations.engine.providers.retry.FIRST_WAIT_SECONDS", 0.0)


def make(fake, settings, *, kind="openai", checks=(CHECK,), cases=1, model="m", **plan):
    url, key = VARIABLES[kind]
    settings.PROVIDER_ENVIRONMENT = {url: f"{fake.url}/v1", key: KEY}
    limits = Limits(concurrency=1, timeout_seconds=30, retries=2)
    spec = ProviderSpec(kind=kind, model=model, limits=limits, price=plan.pop("price", PRICE))
    column = PlannedColumn(spec=spec, text="Capital of France? {{x}}")
    rows = [
        (None, Case(name=f"case {number}", variables={"x": number}, assertions=checks))
        for number in range(cases)
    ]
    return create_run(Plan(columns=[column], **plan), rows)


def report_of(run, kind):
    return "".join(write(build_report(run), kind))


@pytest.mark.parametrize(("kind", "rows"), [("openai", OPENAI), ("anthropic", ANTHROPIC)])
def test_what_is_kept_of_each_answer(settings, monkeypatch, kind, rows):
    """One run asks a case for each row, one after the other."""
    monkeypatch.setattr("evaluations.reporting.notes.NOTES_SHOWN", len(rows))
    steps = [step for step, expected in rows for _ in range(expected.get("requests", 1))]
    with closing(FakeModels(*steps)) as fake:
        run = execute_run(make(fake, settings, kind=kind, cases=len(rows)).pk)
        assert len(fake.requests) == len(steps)
    assert run.status == "completed"
    written = {name: unescaped(report_of(run, name)) for name in FORMATS}
    results = TestResult.objects.filter(evaluation__run=run).order_by("run_case__position")
    in_csv = list(csv.DictReader(io.StringIO(report_of(run, "csv"))))
    in_json = json.loads(report_of(run, "json"))["results"]
    assert len(rows) == len(results) == len(in_csv) == len(in_json)
    assert KEY not in f"{written} {list(results.values())}"
    for number, (_, expected) in enumerate(rows):
        row = in_csv[number]
        assert in_json[number]["note"] == row["note"], number
        assert in_json[number]["finish_reason"] == row["finish_reason"], number
        check_row(number, expected, results[number], row, written)


def check_row(number, expected, result, row, written):
    """Hold one result, and what reports say of it, against what the row expects."""
    kept = {
        "output": result.output,
        "passed": result.passed,
        "reason": result.finish_reason,
        "input_tokens": result.input_tokens,
        "requests": result.attempts,
        "cost": result.cost_usd,
    }
    exact = {name: value for name, value in expected.items() if name in kept and value is not True}
    assert {name: kept[name] for name in exact} == exact, number
    assert expected.get("cost") is not True or result.cost_usd > 0, number
    assert expected["passed"] is result.passed, number
    assert expected.get("error", "") in result.error, number
    assert bool(result.error) is ("error" in expected), number
    assert expected.get("note", "") in row["note"], number
    assert row["finish_reason"] == result.finish_reason, number
    for name, text in written.items():
        assert not row["note"] or expected.get("note", "") in text, (number, name)
        assert result.error.split("“")[0] in text, (number, name)


def unescaped(text):
    for escaped, plain in (("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">"), ('\\"', '"')):
        text = text.replace(escaped, plain)
    return text


@pytest.mark.parametrize("step", [
    Step(status=403, body=error("no")), Step(status=404, body=error("no such model")),
    Step(status=301, headers={"Location": "http://h"}, body=""),
])  # fmt: skip
def test_what_is_refused_for_good_ends_the_run_after_a_few_requests(settings, step):
    with closing(FakeModels(*[step] * 40)) as fake:
        run = execute_run(make(fake, settings, cases=40).pk)
        assert (run.status, len(fake.requests)) == ("failed", 10)
        assert "the first 10 requests were all rejected; the last error was: OpenAI" in run.message
        # What was refused is stored, so going on makes way; now the key may ask.
        fake.script.clear()
        fake.answer = "Paris"
        run = execute_run(run.pk)
    assert run.status == "completed"
    assert run.evaluations.get().summary["passed"] == 31


def test_a_request_that_is_refused_ends_its_case_alone(settings):
    steps = [Step(body=chat("Paris"))] + [Step(status=403, body=error("no"))] * 12
    with closing(FakeModels(*steps, answer="Paris")) as fake:
        run = execute_run(make(fake, settings, cases=14).pk)
        # Going on with it changes nothing, and asks nobody.
        with pytest.raises(SystemExit) as ended:
            call_command("evaluate", resume=str(run.pk), stdout=io.StringIO(), stderr=io.StringIO())
        assert (ended.value.code, len(fake.requests)) == (4, 14)
    assert run.status == "completed"
    summary = run.evaluations.get().summary
    assert (summary["passed"], summary["errors"]) == (2, 12)


@pytest.mark.parametrize(
    ("finish", "requests"),
    [("stop", 1), ("tool_calls", 1), ("length", 2), ("content_filter", 2), ("error", 2)],
)
def test_an_answer_that_is_not_whole_is_no_earlier_answer(settings, finish, requests):
    with closing(FakeModels(*[Step(body=chat("Paris", finish))] * 2)) as fake:
        for _ in range(2):
            execute_run(make(fake, settings).pk)
        assert len(fake.requests) == requests


REFUSED = Step(status=400, body=error("no", code="content_filter"))
AZURE = {"hate": {"filtered": False}, "violence": {"filtered": True, "severity": "high"}}
GUARDS = [
    (Step(body=chat("", "content_filter")), "guardrails", False, False),
    (Step(body=chat("", "content_filter")), "guardrails", True, True),
    (Step(body=chat("Here", "content_filter")), "is-refusal", False, True),
    (REFUSED, "guardrails", False, False),
    (REFUSED, "guardrails", True, True),
    (REFUSED, "is-refusal", False, True),
    (REFUSED, "contains", False, None),
    (Step(body=chat("fine", content_filter_results=AZURE)), "guardrails", False, False),
    (
        Step(body=chat("fine") | {"prompt_filter_results": [{"content_filter_results": AZURE}]}),
        "guardrails",
        False,
        False,
    ),
    (
        Step(body=chat("fine", content_filter_results={"hate": {"filtered": False}})),
        "guardrails",
        False,
        True,
    ),
    (Step(body=chat("fine")), "guardrails", False, True),
    (Step(body=chat("fine")), "is-refusal", False, False),
]


@pytest.mark.parametrize(("step", "name", "negated", "passed"), GUARDS, ids=range(len(GUARDS)))
def test_checks_see_what_a_filter_did(settings, step, name, negated, passed):
    check = Assertion(type=name, negated=negated, value="x" if name == "contains" else None)
    with closing(FakeModels(step)) as fake:
        run = execute_run(make(fake, settings, checks=(check,)).pk)
    assert TestResult.objects.get(evaluation__run=run).passed is passed


def test_a_limit_of_cost_counts_what_the_cache_costs(settings):
    usage = {"input_tokens": 5, "output_tokens": 10} | {
        "cache_read_input_tokens": 100_000,
        "cache_creation_input_tokens": 2000,
    }
    body = claude("Paris") | {"usage": usage}
    with closing(FakeModels(*[Step(body=body)] * 20)) as fake:
        run = make(
            fake,
            settings,
            kind="anthropic",
            model="claude-sonnet-4-5",
            price=None,
            cases=20,
            max_cost_usd=Decimal("0.05"),
        )
        run = execute_run(run.pk)
        assert (run.status, len(fake.requests)) == ("stopped", 2)
    costs = TestResult.objects.filter(evaluation__run=run).values_list("cost_usd", flat=True)
    assert list(costs) == [Decimal("0.037665")] * 2


def test_the_pages_of_a_run_say_why_an_answer_ended(settings, client, owner):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    steps = [
        Step(body=chat("", "length", message=REASONED)),
        Step(body=chat("Paris", "content_filter")),
        Step(body=chat("Paris")),
    ]
    with closing(FakeModels(*steps)) as fake:
        run = execute_run(make(fake, settings, cases=3).pk)
    client.force_login(owner)
    grid = client.get(reverse("admin:evaluations_run_change", args=[run.pk])).content.decode()
    assert all(f'<span class="wk-chip">{reason}</span>' in grid for reason in UNFINISHED[:2])
    cases = RunCase.objects.filter(run=run).order_by("position")
    pages = [
        client.get(reverse("admin:evaluations_run_case", args=[run.pk, case.pk])).content.decode()
        for case in cases
    ]
    assert ALL_REASONING in pages[0]
    assert FILTERED in pages[1]
    assert "finish_reason" not in pages[2]
    settings.LANGUAGE_CODE = "ja"
    address = reverse("admin:evaluations_run_case", args=[run.pk, cases[0].pk])
    page = client.get(address, headers={"accept-language": "ja"}).content.decode()
    assert "トークンがすべて推論に使われました" in page


def test_many_notes_are_counted_and_cut(settings):
    bodies = [error(f"reason {number}") for number in range(14)] + [chat("", "length")] * 8
    with closing(FakeModels(*[Step(body=body) for body in bodies])) as fake:
        run = execute_run(make(fake, settings, cases=len(bodies)).pk)
    lines = [line for line in report_of(run, "table").splitlines() if line.startswith("Capital")]
    assert len(lines) == 11
    assert lines[0].endswith("rejected the request: reason 0 [1 × case 0]")
    assert lines[-1].endswith("… and 12 more notes")
    with closing(FakeModels(*[Step(body=chat("", "length"))] * 8)) as fake:
        run = execute_run(make(fake, settings, cases=8).pk)
    assert "[8 × case 0, case 1, case 2, case 3, case 4 … (+3)]" in report_of(run, "markdown")
