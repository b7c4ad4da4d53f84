"""What a collector gets of runs and of the gateway: a fake one decodes it over real HTTP."""

import json
from contextlib import closing
from decimal import Decimal
from uuid import UUID

import pytest
from django.test import override_settings

from autoforge.tracing import requests
from autoforge.tracing.destinations import Destination, find_destinations
from autoforge.tracing.observer import TraceObserver
from autoforge.tracing.sender import Limits, close_all
from core.outgoing import set_tracer
from evaluations import observing
from evaluations.engine.providers import Limits as ModelLimits
from evaluations.engine.providers import Price, ProviderSpec
from evaluations.engine.types import Answer, Assertion, Case, Message, Part
from evaluations.observing import ObservedCall, ObservedRun, PlaceInRun
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import cancel_run, clear_errors, execute_run
from prompts.interface import get_prompt
from tests.api.gateway import ASK, KEY, OpenAI, make_prompt
from tests.support.fake_collector import FakeCollector, Reply
from tests.support.fake_models import FakeModels, Step

ERROR, UNSET = 2, 0
INTERNAL, SERVER, CLIENT = 1, 2, 3
PRICE = Price(input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(2))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Tracing:
    """An observer that is registered, with its collector."""

    def __init__(self) -> None:
        self.collector = FakeCollector()
        destination = Destination(name="the collector", url=f"{self.collector.url}/v1/traces")
        self.observer = TraceObserver([destination], Limits(pause_seconds=0.01))
        self.unregister = observing.register_observer(self.observer)

    def spans(self):
        """Return the spans of everything that was told, those of runs last."""
        close_all(self.observer.senders)
        [sender] = self.observer.senders
        assert sender.counts.dropped == 0
        assert sender.counts.sent == len(self.collector.spans)
        return sorted(self.collector.spans, key=lambda span: (span.kind == INTERNAL, span.start))

    def close(self) -> None:
        self.unregister()
        close_all(self.observer.senders)
        self.collector.close()


@pytest.fixture
def tracing():
    with closing(Tracing()) as traced:
        yield traced


@pytest.fixture
def tracing_messages():
    with override_settings(TRACE_MESSAGES=True), closing(Tracing()) as traced:
        yield traced


@pytest.fixture
def fake():
    with closing(FakeModels()) as server:
        yield server


@pytest.fixture
def prompt(db):
    return make_prompt({})


def make_column(fake, *, name: str = "support/reply", retries: int = 0) -> PlannedColumn:
    spec = ProviderSpec(
        kind="openai-compatible",
        model="small",
        base_url=f"{fake.url}/v1",
        price=PRICE,
        parameters={"temperature": 0.5, "max_tokens": 20, "tools": [{"type": "function"}]},
        limits=ModelLimits(concurrency=4, timeout_seconds=5, retries=retries),
    )
    return PlannedColumn(spec=spec, prompt=get_prompt(name))


def make_cases(count: int = 1, *assertions: Assertion):
    cases = []
    for number in range(count):
        values = {"customer": f"Aiko {number}"}
        cases.append((None, Case(name=f"case {number}", variables=values, assertions=assertions)))
    return cases


@pytest.mark.django_db(transaction=True)
class TestRuns:
    """Runs of evaluations."""

    def test_a_call_has_model_prompt_usage_cost_and_scores(self, tracing, fake, prompt):
        checks = (
            Assertion(type="contains", value="Aiko", metric="polite"),
            Assertion(type="contains", value="nobody says this", negated=True),
            Assertion(type="equals", value="else", weight=0),
        )
        plan = Plan(columns=[make_column(fake)], name="nightly")
        run = execute_run(create_run(plan, make_cases(1, *checks)).pk)
        call, root = tracing.spans()
        assert (call.name, call.kind, call.status) == ("chat small", CLIENT, UNSET)
        assert call.trace_id == root.trace_id == run.pk.bytes
        assert call.parent_id == root.span_id
        assert root.parent_id == b""
        assert root.start <= call.start < call.end <= root.end
        assert call.resource["service.name"] == "autoforge"
        assert call.resource["deployment.environment.name"] == "local"
        result = run.evaluations.get().results.get()
        cost = float(result.cost_usd)
        assert cost > 0
        assert json.loads(call.attributes.pop("langfuse.observation.cost_details")) == {
            "total": cost
        }
        assert json.loads(call.attributes.pop("langfuse.observation.metadata.scores")) == {
            "polite": 1.0,
            "not-contains": 1.0,
            "equals": 0.0,
        }
        parameters = json.loads(call.attributes.pop("langfuse.observation.model.parameters"))
        assert parameters == {"temperature": 0.5, "max_tokens": 20}
        column = "support/reply v1 · openai-compatible:small"
        assert call.attributes == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "openai",
            "gen_ai.prompt.name": "support/reply",
            "gen_ai.request.model": "small",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 20,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": result.input_tokens,
            "gen_ai.usage.output_tokens": result.output_tokens,
            "gen_ai.usage.cost": cost,
            "langfuse.trace.name": "nightly",
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "small",
            "langfuse.observation.prompt.name": "support/reply",
            "langfuse.observation.prompt.version": 1,
            "langfuse.observation.metadata.case": "case 0",
            "langfuse.observation.metadata.column": column,
            "langfuse.observation.metadata.repeat": 0,
            "langfuse.observation.metadata.score": 1.0,
            "langfuse.observation.metadata.passed": True,
            "autoforge.attempts": 1,
            "autoforge.cost_usd": cost,
            "autoforge.latency_ms": result.latency_ms,
            "autoforge.run.id": str(run.pk),
            "autoforge.run.name": "nightly",
            "autoforge.case": "case 0",
            "autoforge.column": column,
            "autoforge.repeat": 0,
            "autoforge.score": 1.0,
            "autoforge.passed": True,
        }
        assert [event for event, _ in call.events] == ["gen_ai.evaluation.result"] * 3
        assert [attributes for _, attributes in call.events] == [
            {
                "gen_ai.evaluation.name": "polite",
                "gen_ai.evaluation.score.value": 1.0,
                "gen_ai.evaluation.score.label": "pass",
            },
            {
                "gen_ai.evaluation.name": "not-contains",
                "gen_ai.evaluation.score.value": 1.0,
                "gen_ai.evaluation.score.label": "pass",
            },
            {
                "gen_ai.evaluation.name": "equals",
                "gen_ai.evaluation.score.value": 0.0,
                "gen_ai.evaluation.score.label": "pass",  # without weight it is only recorded
            },
        ]
        assert root.attributes == {
            "langfuse.trace.name": "nightly",
            "langfuse.observation.type": "span",
            "autoforge.run.id": str(run.pk),
            "autoforge.run.name": "nightly",
            "autoforge.run.status": "completed",
        }
        assert (root.name, root.kind, root.status) == ("run nightly", INTERNAL, UNSET)

    def test_prompts_and_answers_are_not_told(self, tracing, fake, prompt):
        check = Assertion(type="equals", value="a secret expectation")
        execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1, check)).pk)
        call, root = tracing.spans()
        told = repr((call, root))
        for text in ("Greet", "Aiko", "a secret expectation"):
            assert text not in told

    def test_prompts_and_answers_are_told_where_that_is_set(self, tracing_messages, fake, prompt):
        check = Assertion(type="equals", value="else")
        run = execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1, check)).pk)
        call, _root = tracing_messages.spans()
        output = run.evaluations.get().results.get().output
        assert json.loads(call.attributes["gen_ai.input.messages"]) == [
            {"role": "user", "parts": [{"type": "text", "content": "Greet Aiko 0."}]}
        ]
        assert json.loads(call.attributes["gen_ai.output.messages"]) == [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": output}],
                "finish_reason": "stop",
            }
        ]
        [(_name, score)] = call.events
        assert score["gen_ai.evaluation.explanation"]

    def test_earlier_answers_are_no_calls(self, tracing, fake, prompt):
        plan = Plan(columns=[make_column(fake)])
        for _ in range(2):
            execute_run(create_run(plan, make_cases(2)).pk)
        assert len(fake.requests) == 2
        assert [span.kind for span in tracing.spans()] == [CLIENT, CLIENT, INTERNAL, INTERNAL]

    def test_an_error_is_the_status_of_its_span(self, tracing, fake, prompt):
        fake.script = [Step(status=400)]
        run = execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1)).pk)
        call, root = tracing.spans()
        error = run.evaluations.get().results.get().error
        assert (call.status, call.message) == (ERROR, error)
        assert call.attributes["langfuse.observation.level"] == "ERROR"
        assert call.attributes["langfuse.observation.status_message"] == error
        assert "gen_ai.usage.input_tokens" not in call.attributes
        assert root.status == UNSET

    def test_a_run_that_failed_says_why(self, tracing, fake, prompt):
        fake.script = [Step(status=401)]
        run = execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1)).pk)
        assert run.status == "failed"
        [root] = tracing.spans()
        assert (root.status, root.message) == (ERROR, run.message)

    def test_a_run_that_is_resumed_continues_its_trace(self, tracing, fake, prompt):
        fake.script = [Step(status=400)]
        plan = Plan(columns=[make_column(fake)])
        run = execute_run(create_run(plan, make_cases(1)).pk)
        clear_errors(run.pk)
        execute_run(run.pk)
        first, second, *roots = tracing.spans()
        assert {span.trace_id for span in (first, second, *roots)} == {run.pk.bytes}
        assert {first.parent_id, second.parent_id} == {root.span_id for root in roots}
        assert first.span_id != second.span_id
        assert (first.status, second.status) == (ERROR, UNSET)
        assert len({root.start for root in roots}) == 1

    def test_a_run_that_nobody_worked_on_is_not_told(self, tracing, fake, prompt):
        cancel_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1)).pk)
        assert tracing.spans() == []

    def test_a_text_of_a_file_has_no_prompt(self, tracing, fake, db):
        column = PlannedColumn(
            spec=ProviderSpec(kind="openai-compatible", model="small", base_url=f"{fake.url}/v1"),
            text="Say {{customer}}",
        )
        execute_run(create_run(Plan(columns=[column]), make_cases(1)).pk)
        call, _root = tracing.spans()
        assert not [name for name in call.attributes if "prompt" in name]
        assert "gen_ai.usage.cost" not in call.attributes

    def test_a_collector_that_hangs_does_not_hold_a_run_up(self, tracing, fake, prompt):
        tracing.collector.script = [Reply(hangs=True)]
        run = execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(40)).pk)
        assert run.status == "completed"
        assert run.evaluations.get().results.count() == 40
        tracing.collector.close()

    def test_an_observer_that_fails_disturbs_no_run(self, fake, prompt, caplog):
        class Failing:
            def call_finished(self, call: ObservedCall) -> None:
                raise ValueError("call")

            def run_finished(self, run: ObservedRun) -> None:
                raise ValueError("run")

        unregister = observing.register_observer(Failing())
        try:
            run = execute_run(create_run(Plan(columns=[make_column(fake)]), make_cases(1)).pk)
        finally:
            unregister()
        assert run.status == "completed"
        assert "An observer of calls failed" in caplog.text
        assert "An observer of runs failed" in caplog.text


@pytest.fixture
def openai(db, monkeypatch, settings, fake):
    settings.PROVIDER_ENVIRONMENT = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{fake.url}/v1",
        "MODEL_ALLOWED_NETWORKS": "loopback",
    }
    make_prompt({"provider": "openai", "model": "gpt-4.1-mini", "temperature": 0.2})
    return OpenAI("Editor")


@pytest.mark.django_db
class TestGateway:
    """Calls of /v1/chat/completions."""

    def test_a_call_is_a_trace_of_its_own(self, tracing, openai):
        answer = openai.send(ASK)
        assert answer.status_code == 200, answer.content
        [call] = tracing.spans()
        assert (call.name, call.parent_id, call.status) == ("chat gpt-4.1-mini", b"", UNSET)
        assert len(call.trace_id) == 16
        assert call.attributes["langfuse.trace.name"] == "support/reply"
        assert call.attributes["langfuse.observation.prompt.name"] == "support/reply"
        assert call.attributes["langfuse.observation.prompt.version"] == 1
        assert call.attributes["gen_ai.request.model"] == "gpt-4.1-mini"
        assert call.attributes["gen_ai.request.temperature"] == 0.2
        usage = answer.json()["usage"]
        assert call.attributes["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
        assert call.attributes["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
        cost = float(answer.headers["X-AutoForge-Cost-USD"])
        assert call.attributes["gen_ai.usage.cost"] == pytest.approx(cost)
        assert "autoforge.run.id" not in call.attributes
        assert "Aiko" not in repr(call)

    def test_a_caller_with_a_trace_finds_the_call_in_it(self, tracing, openai):
        openai.client.defaults["HTTP_TRACEPARENT"] = TRACEPARENT
        assert openai.send(ASK).status_code == 200
        [call] = tracing.spans()
        assert call.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        assert call.parent_id.hex() == "b7ad6b7169203331"

    def test_where_requests_are_traced_the_call_is_below_its_request(
        self, tracing, openai, fake, settings
    ):
        with closing(FakeCollector()) as collector:
            settings.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
            name = "autoforge.tracing.requests.TraceMiddleware"
            settings.MIDDLEWARE = [settings.MIDDLEWARE[0], name, *settings.MIDDLEWARE[1:]]
            requests._find_sender.cache_clear()
            openai.client.defaults["HTTP_TRACEPARENT"] = TRACEPARENT
            assert openai.send(ASK).status_code == 200
            close_all([requests._find_sender()])
            requests._find_sender.cache_clear()
            set_tracer(None)
            [root] = [span for span in collector.spans if span.kind == SERVER]
            [exchange] = [span for span in collector.spans if span.name == "POST"]
        [call] = tracing.spans()
        assert root.parent_id.hex() == "b7ad6b7169203331"
        assert {root.trace_id, exchange.trace_id, call.trace_id} == {root.trace_id}
        assert (call.parent_id, exchange.parent_id) == (root.span_id, root.span_id)
        assert exchange.attributes["server.address"] == "127.0.0.1"
        assert fake.requests[-1][1]["traceparent"] == (
            f"00-{root.trace_id.hex()}-{exchange.span_id.hex()}-01"
        )

    @pytest.mark.parametrize(
        "header",
        ["", "nonsense", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{'a' * 32}-{'0' * 16}-01"],
    )
    def test_a_wrong_trace_is_left_out(self, tracing, openai, header):
        openai.client.defaults["HTTP_TRACEPARENT"] = header
        assert openai.send(ASK).status_code == 200
        [call] = tracing.spans()
        assert call.parent_id == b""
        assert call.trace_id not in (bytes(16), b"\xaa" * 16)

    @pytest.mark.parametrize("stream", [False, True])
    def test_an_error_is_the_status_of_its_span(self, tracing, openai, fake, stream):
        fake.script = [Step(status=400)]
        assert openai.send({**ASK, "stream": stream}).status_code == 400
        [call] = tracing.spans()
        assert call.status == ERROR
        assert call.message

    def test_a_stream_is_told_when_it_has_ended(self, tracing_messages, openai):
        answer = openai.send({**ASK, "stream": True})
        content = b"".join(answer.streaming_content)
        answer.close()
        assert content.endswith(b"data: [DONE]\n\n")
        [call] = tracing_messages.spans()
        assert call.status == UNSET
        assert "gen_ai.output.messages" in call.attributes
        assert call.attributes["gen_ai.usage.input_tokens"] > 0

    def test_a_stream_that_is_left_is_told_as_an_error(self, tracing, openai):
        answer = openai.send({**ASK, "stream": True})
        next(iter(answer.streaming_content))
        answer.close()
        [call] = tracing.spans()
        assert (call.status, call.message) == (
            ERROR,
            "the stream ended before the whole answer had come",
        )


def make_call(**fields) -> ObservedCall:
    values = {"provider": "openai", "model": "m", "asked_at": 2.0, "answered_at": 1.0}
    return ObservedCall(**values | fields)


class TestSpans:
    """Calls as no provider of ours makes them, and what a collector could not read."""

    def test_what_utf8_cannot_hold_is_replaced(self, tracing_messages):
        message = Message(role="", content="half \ud83d")
        call = make_call(messages=(message,), error="half \ud83d", model="half \ud83d")
        tracing_messages.observer.call_finished(call)
        [span] = tracing_messages.spans()
        assert span.message == "half ?"
        assert span.start == span.end == 2.0

    def test_long_texts_are_cut(self, tracing_messages):
        messages = tuple(Message(role="user", content="x" * 150_000) for _ in range(3))
        answer = Answer(text="y" * 300_000, finish_reason=None)
        call = make_call(messages=messages, answer=answer, error="z" * 5000)
        tracing_messages.observer.call_finished(call)
        [span] = tracing_messages.spans()
        texts = json.loads(span.attributes["gen_ai.input.messages"])
        sizes = [len(text["parts"][0]["content"]) for text in texts]
        assert sizes == [150_000, 50_001, 1]
        [output] = json.loads(span.attributes["gen_ai.output.messages"])
        assert len(output["parts"][0]["content"]) == 200_001
        assert len(span.message) == 1001
        assert "gen_ai.response.finish_reasons" not in span.attributes

    def test_a_key_that_a_service_repeats_is_hidden(self, tracing):
        key = "sk-proj-0123456789abcdefghij"
        tracing.observer.call_finished(make_call(error=f"openai: wrong key {key}"))
        [span] = tracing.spans()
        assert span.message == "openai: wrong key ****"
        assert key not in repr(span)

    def test_images_are_told_by_name_alone(self, tracing_messages):
        image = Part(type="image", url="data:image/png;base64,AAAA")
        message = Message(role="user", content="[image]", parts=(image,))
        tracing_messages.observer.call_finished(make_call(messages=(message,)))
        [span] = tracing_messages.spans()
        assert "AAAA" not in repr(span)
        assert "[image]" in span.attributes["gen_ai.input.messages"]

    def test_numbers_that_are_no_int64_are_texts(self, tracing):
        tracing.observer.call_finished(make_call(parameters={"seed": 2**70, "top_p": True}))
        [span] = tracing.spans()
        assert span.attributes["gen_ai.request.seed"] == str(2**70)
        assert span.attributes["gen_ai.request.top_p"] is True

    def test_judges_are_told_by_number_and_cost(self, tracing):
        place = PlaceInRun(
            run_id=UUID(int=7),
            run_name="r",
            column="c",
            case="k",
            repeat=1,
            grading_calls=2,
            grading_cost_usd=Decimal("0.25"),
        )
        tracing.observer.call_finished(make_call(place=place))
        [span] = tracing.spans()
        assert span.attributes["autoforge.grading.calls"] == 2
        assert span.attributes["autoforge.grading.cost_usd"] == 0.25
        assert span.trace_id == UUID(int=7).bytes


class TestDestinations:
    """Where traces go, by the settings."""

    NOWHERE = {
        "LANGFUSE_HOST": None,
        "LANGFUSE_PUBLIC_KEY": None,
        "LANGFUSE_SECRET_KEY": None,
        "OTEL_EXPORTER_OTLP_ENDPOINT": None,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": None,
        "OTEL_EXPORTER_OTLP_HEADERS": (),
    }
    LANGFUSE = {
        "LANGFUSE_HOST": "https://langfuse.example.com/sub",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "LANGFUSE_SECRET_KEY": "sk-lf-1",
    }

    @pytest.mark.parametrize(
        ("settings", "urls"),
        [
            ({}, []),
            ({"LANGFUSE_HOST": "https://langfuse.example.com"}, []),
            ({**LANGFUSE, "LANGFUSE_HOST": None}, []),
            (LANGFUSE, ["https://langfuse.example.com/sub/api/public/otel/v1/traces"]),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["http://c:4318/v1/traces"]),
            ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c/x?a=b"}, ["http://c/x/v1/traces?a=b"]),
            ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/here"}, ["http://c/here"]),
            (
                {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c",
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d/here",
                },
                ["http://d/here"],
            ),
            (
                {**LANGFUSE, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"},
                [
                    "https://langfuse.example.com/sub/api/public/otel/v1/traces",
                    "http://c/v1/traces",
                ],
            ),
        ],
    )
    def test_urls(self, settings, urls):
        with override_settings(**{**self.NOWHERE, **settings}):
            assert [destination.url for destination in find_destinations()] == urls

    def test_credentials_are_sent_and_in_no_repr(self):
        headers = (("api-key", "a key that is secret"),)
        more = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c",
            "OTEL_EXPORTER_OTLP_HEADERS": headers,
        }
        with override_settings(**{**self.NOWHERE, **self.LANGFUSE, **more}):
            langfuse, collector = find_destinations()
        assert langfuse.headers == (
            ("Authorization", "Basic cGstbGYtMTpzay1sZi0x"),
            ("X-Langfuse-Ingestion-Version", "4"),
        )
        assert collector.headers == headers
        assert "Basic" not in repr(langfuse)
        assert "secret" not in repr(collector)
