"""OpenTelemetry's SDK for Python: only the endpoint and a header are set."""

import json
import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Tracer
from records import load_records
from running import check, run

URL = os.environ["AUTOFORGE_URL"]
KEY = os.environ["AUTOFORGE_API_KEY"]
RESULTS = []


class Exporter(OTLPSpanExporter):
    """Remembers whether the spans were taken."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        RESULTS.append(super().export(spans))
        return RESULTS[-1]


def connect(key: str = KEY, compression: Compression = Compression.Gzip) -> Tracer:
    exporter = Exporter(
        endpoint=f"{URL}/v1/traces",
        headers={"Authorization": f"Bearer {key}"},
        compression=compression,
    )
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("shop")


def say_hello(tracer: Tracer, name: str) -> None:
    with tracer.start_as_current_span(name) as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.provider.name", "openai")
        span.set_attribute("gen_ai.request.model", "gpt-4.1-mini")
        span.set_attribute("gen_ai.request.temperature", 0.2)
        messages = [{"role": "user", "parts": [{"type": "text", "content": "Greet 愛子."}]}]
        span.set_attribute("gen_ai.input.messages", json.dumps(messages))
        answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Hello 愛子!"}]}]
        span.set_attribute("gen_ai.output.messages", json.dumps(answer))
        span.set_attribute("gen_ai.usage.input_tokens", 10)
        span.set_attribute("gen_ai.usage.output_tokens", 5)


@check
def a_call_of_a_model_becomes_a_record() -> None:
    tracer = connect()
    with tracer.start_as_current_span("GET /greeting"):
        say_hello(tracer, "zipped")
    say_hello(connect(compression=Compression.NoCompression), "plain")
    assert RESULTS == [SpanExportResult.SUCCESS] * 3, RESULTS
    records = load_records()
    assert [record["name"] for record in records] == ["zipped", "plain"]
    for record in records:
        assert (record["model"], record["caller"]) == ("gpt-4.1-mini", "clients Administrator")
        assert record["messages"] == [{"role": "user", "content": "Greet 愛子."}]
        assert (record["output"], record["parameters"]) == ("Hello 愛子!", {"temperature": 0.2})
        assert (record["input_tokens"], record["output_tokens"]) == (10, 5)
        assert record["metadata"] == {"service": "shop"}


@check
def keys_that_may_not_are_refused() -> None:
    for key in ("af_wrong", os.environ["VIEWER_KEY"]):
        say_hello(connect(key), "refused")
        assert RESULTS[-1] == SpanExportResult.FAILURE
    assert len(load_records()) == 2


run()
