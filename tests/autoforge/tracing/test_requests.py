"""Requests and their SQL as spans, as a collector decodes them; the W3C's header, in and out."""

import re
from contextlib import closing

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import MiddlewareNotUsed
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from autoforge.tracing import requests as tracing
from autoforge.tracing.context import TraceContext, current, read_traceparent
from autoforge.tracing.request_trace import MOST_STEPS, recording
from autoforge.tracing.requests import TraceMiddleware
from autoforge.tracing.sampling import find_sampler
from autoforge.tracing.sender import close_all
from autoforge.tracing.sql_text import clean_sql, find_operation
from core.outgoing import outgoing, set_tracer
from prompts.models import PromptTemplate
from tests.support.fake_collector import FakeCollector

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
IS_LIBSQL = connection.settings_dict["ENGINE"] == "django_hrana"


@pytest.fixture
def collector(settings):
    """A collector, and a process that sends to it."""
    with closing(FakeCollector()) as collector:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
        settings.LANGFUSE_HOST = "http://127.0.0.1:9"  # nobody is there: it must not be asked
        settings.LANGFUSE_PUBLIC_KEY, settings.LANGFUSE_SECRET_KEY = "pk-lf-1", "sk-lf-1"
        tracing._find_sender.cache_clear()
        yield collector
        close_all([tracing._find_sender()])
        tracing._find_sender.cache_clear()
        set_tracer(None)


def make_client(settings) -> Client:
    settings.MIDDLEWARE = [
        settings.MIDDLEWARE[0],
        "autoforge.tracing.requests.TraceMiddleware",
        *settings.MIDDLEWARE[1:],
    ]
    return Client(raise_request_exception=False)


def read_spans(collector: FakeCollector) -> list:
    close_all([tracing._find_sender()])
    tracing._find_sender.cache_clear()
    return collector.spans


class TestSpans:
    """What the collector gets."""

    pytestmark = pytest.mark.django_db

    def test_a_request_is_a_span_with_its_statements_below(self, collector, settings, owner):
        client = make_client(settings)
        client.force_login(owner)
        answer = client.get(
            "/admin/prompts/prompttemplate/?q=a-secret-query",
            headers={"X-Request-ID": "my-id"},
        )
        assert answer.status_code == 200
        [root] = [span for span in read_spans(collector) if span.kind == Span.SPAN_KIND_SERVER]
        assert root.name == "GET /admin/prompts/prompttemplate/"
        assert root.attributes == {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.route": "/admin/prompts/prompttemplate/",
            "url.scheme": "http",
            "autoforge.request.id": "my-id",
            "autoforge.user.kind": "session",
        }
        assert (root.parent_id, root.status) == (b"", Status.STATUS_CODE_UNSET)
        assert root.resource["service.name"] == "autoforge"
        assert 0 < root.end - root.start < 60
        statements = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
        assert len(statements) > 3
        for span in statements:
            assert span.trace_id == root.trace_id
            assert span.parent_id == root.span_id
            assert root.start <= span.start <= span.end <= root.end
            assert span.attributes["db.system.name"] == ("libsql" if IS_LIBSQL else "sqlite")
            assert span.attributes["db.query.text"].startswith(span.name)
        assert len({span.span_id for span in collector.spans}) == len(collector.spans)
        assert [path for path, _headers in collector.requests] == ["/v1/traces"]

    def test_nothing_that_is_secret_or_of_a_person_is_sent(self, collector, settings, owner):
        client = make_client(settings)
        client.post("/admin/login/", {"username": "owner", "password": "owner-pass"})
        client.force_login(owner)
        client.get("/admin/prompts/prompttemplate/?q=a-secret-query")
        assert read_spans(collector)
        sent = repr(collector.spans)
        for secret in ("a-secret-query", "owner-pass", "owner", "127.0.0.1", "sessionid"):
            assert secret not in sent

    def test_an_error_is_the_status_of_the_span(self, collector, settings, monkeypatch, owner):
        def fail(*_arguments):
            raise ZeroDivisionError("with a secret")

        client = make_client(settings)
        client.force_login(owner)
        monkeypatch.setattr("autoforge.site.dashboard.fill", fail)
        answer = client.get("/admin/")
        assert answer.status_code == 500
        root = [span for span in read_spans(collector) if span.kind == Span.SPAN_KIND_SERVER][-1]
        assert root.status == Status.STATUS_CODE_ERROR
        assert root.attributes["error.type"] == "ZeroDivisionError"
        assert "with a secret" not in repr(collector.spans)

    def test_an_address_that_is_none_has_no_route(self, collector, settings):
        make_client(settings).generic("BREW", "/no/such/page")
        [root] = [span for span in read_spans(collector) if span.kind == Span.SPAN_KIND_SERVER]
        assert root.name == "_OTHER"
        assert "http.route" not in root.attributes
        assert "error.type" not in root.attributes  # 404 is the caller's
        assert "autoforge.user.kind" not in root.attributes

    def test_a_key_is_a_kind_of_user(self, collector, settings):
        from core.access.services import create_key

        call_command("sync_roles", verbosity=0)
        key = create_key(name="k", role="Viewer").text
        make_client(settings).get("/api/v1/prompts", headers={"Authorization": f"Bearer {key}"})
        [root] = [span for span in read_spans(collector) if span.kind == Span.SPAN_KIND_SERVER]
        assert root.attributes["autoforge.user.kind"] == "key"
        assert key not in repr(collector.spans)

    def test_who_watches_leaves_no_trace(self, collector, settings):
        client = make_client(settings)
        client.get("/health/live")
        client.get("/metrics")
        assert read_spans(collector) == []

    def test_a_failed_statement_says_what_failed(self, collector):
        def view(_request):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'a secret' FROM no_such_table WHERE x = 5")

        with pytest.raises(Exception, match="no such table"):
            TraceMiddleware(view)(RequestFactory().get("/"))
        assert recording.get() is None
        assert current.get() is None

    def test_a_page_that_asks_without_end_is_cut(self, collector):
        def view(_request):
            for _ in range(MOST_STEPS + 7):
                PromptTemplate.objects.first()
            return HttpResponse()

        TraceMiddleware(view)(RequestFactory().get("/"))
        spans = read_spans(collector)
        assert len(spans) == MOST_STEPS + 1
        assert spans[0].attributes["autoforge.dropped_steps"] == 7

    def test_statements_outside_of_requests_are_not_traced(self, collector):
        TraceMiddleware(lambda _request: HttpResponse())(RequestFactory().get("/"))
        PromptTemplate.objects.first()
        assert len(read_spans(collector)) == 1

    def test_under_asgi_too(self, collector):
        async def view(_request):
            return HttpResponse(status=202)

        async_to_sync(TraceMiddleware(view))(RequestFactory().get("/"))
        [root] = read_spans(collector)
        assert root.attributes["http.response.status_code"] == 202

    def test_the_lines_of_the_log_have_the_trace(self, collector, settings, caplog):
        import structlog

        seen = []

        def view(_request):
            seen.append(structlog.contextvars.get_contextvars())
            return HttpResponse()

        TraceMiddleware(view)(RequestFactory().get("/"))
        structlog.contextvars.clear_contextvars()
        [root] = read_spans(collector)
        assert seen[0]["trace_id"] == root.trace_id.hex()


class TestPropagation:
    """`traceparent`, from callers and to others."""

    def test_a_caller_finds_the_request_in_its_trace(self, collector):
        request = RequestFactory().get("/", HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01")
        TraceMiddleware(lambda _request: HttpResponse())(request)
        [root] = read_spans(collector)
        assert (root.trace_id.hex(), root.parent_id.hex()) == (TRACE, PARENT)
        # Spans of calls of models, which are told by this header, are below the request.
        assert request.META["HTTP_TRACEPARENT"] == f"00-{TRACE}-{root.span_id.hex()}-01"

    def test_a_trace_that_the_caller_does_not_record_is_not_recorded_here(self, collector):
        header = f"00-{TRACE}-{PARENT}-00"
        request = RequestFactory().get("/", HTTP_TRACEPARENT=header)
        seen = []

        def view(_request):
            with outgoing("POST", "https://example.com/a") as exchange:
                seen.append(exchange.headers["traceparent"])
            return HttpResponse()

        TraceMiddleware(view)(request)
        assert read_spans(collector) == []
        assert request.META["HTTP_TRACEPARENT"] == header
        assert re.fullmatch(rf"00-{TRACE}-(?!{PARENT})[0-9a-f]{{16}}-00", seen[0])

    def test_requests_to_others_are_spans_and_carry_the_header(self, collector):
        def view(_request):
            with outgoing("POST", "https://models.example.com:8443/v1/chat?key=secret") as exchange:
                exchange.status = 429
                seen.append(exchange.headers["traceparent"])
            with pytest.raises(TimeoutError), outgoing("POST", "http://hooks.example.com/secret"):
                raise TimeoutError
            return HttpResponse()

        seen: list[str] = []
        TraceMiddleware(view)(RequestFactory().get("/"))
        root, first, second = read_spans(collector)
        assert first.attributes == {
            "http.request.method": "POST",
            "http.response.status_code": 429,
            "server.address": "models.example.com",
            "server.port": 8443,
            "url.full": "https://models.example.com/",
            "error.type": "429",
        }
        assert seen == [f"00-{root.trace_id.hex()}-{first.span_id.hex()}-01"]
        assert first.parent_id == root.span_id
        assert second.attributes["error.type"] == "TimeoutError"
        assert second.status == Status.STATUS_CODE_ERROR
        assert "secret" not in repr(collector.spans)

    def test_outside_of_a_request_nothing_is_added(self, collector):
        TraceMiddleware(lambda _request: HttpResponse())
        with outgoing("POST", "https://example.com") as exchange:
            assert exchange.headers == {}
        read_spans(collector)

    def test_without_a_tracer_nothing_is_added(self):
        set_tracer(None)
        with outgoing("POST", "https://example.com") as exchange:
            assert exchange.headers == {}

    def test_a_webhook_carries_it(self, collector, settings):
        from core.events.sending import post
        from tests.support.webhook_receiver import Receiver

        settings.WEBHOOK_ALLOWED_NETWORKS = "loopback"
        with closing(Receiver()) as receiver:

            def view(_request):
                assert post(url=receiver.url, headers={"a": "b"}, body=b"{}").is_accepted
                return HttpResponse()

            TraceMiddleware(view)(RequestFactory().get("/"))
            root, hook = read_spans(collector)
            headers = receiver.received[0].headers
        assert headers["traceparent"] == f"00-{root.trace_id.hex()}-{hook.span_id.hex()}-01"
        assert headers["a"] == "b"


@pytest.mark.parametrize(
    ("header", "is_valid"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f" 00-{TRACE}-{PARENT}-01 ", True),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"01-{TRACE}-{PARENT}-01-more", True),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"01-{TRACE}-{PARENT}-01more", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT}", False),
        (f"00-{TRACE[1:]}-{PARENT}-01", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_headers_that_the_standard_allows(header, is_valid):
    assert (read_traceparent(header) is not None) == is_valid


def test_what_is_written_is_read_again():
    context = TraceContext(trace_id=b"a" * 16, span_id=b"b" * 8, is_sampled=True)
    assert read_traceparent(context.write_traceparent()) == context
    child = context.make_child(is_sampled=False)
    assert (child.trace_id, child.is_sampled) == (context.trace_id, False)
    assert child.span_id != context.span_id


LOW, HIGH = bytes(15) + b"\x01", b"\xff" * 16
KEPT = TraceContext(trace_id=HIGH, span_id=b"b" * 8, is_sampled=True)
LEFT = TraceContext(trace_id=LOW, span_id=b"b" * 8, is_sampled=False)


@pytest.mark.parametrize(
    ("name", "ratio", "low", "high", "kept", "left"),
    [
        ("always_on", 0.0, True, True, True, True),
        ("always_off", 1.0, False, False, False, False),
        ("traceidratio", 0.5, True, False, False, True),
        ("traceidratio", 0.0, False, False, False, False),
        ("traceidratio", 1.0, True, True, True, True),
        ("parentbased_always_on", 0.0, True, True, True, False),
        ("parentbased_always_off", 1.0, False, False, True, False),
        ("parentbased_traceidratio", 0.5, True, False, True, False),
    ],
)
def test_samplers_decide_as_opentelemetry_says(name, ratio, low, high, kept, left):
    decide = find_sampler(name, ratio)
    assert (decide(LOW, None), decide(HIGH, None)) == (low, high)
    assert (decide(HIGH, KEPT), decide(LOW, LEFT)) == (kept, left)


def test_a_ratio_is_about_that_share():
    import secrets

    decide = find_sampler("traceidratio", 0.25)
    chosen = sum(decide(secrets.token_bytes(16), None) for _ in range(4000))
    assert 800 < chosen < 1200


def test_without_a_collector_the_middleware_is_left_out(settings):
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = None
    tracing._find_sender.cache_clear()
    with pytest.raises(MiddlewareNotUsed):
        TraceMiddleware(lambda _request: HttpResponse())


@pytest.mark.parametrize(
    ("sql", "clean"),
    [
        ('SELECT "a"."b" FROM "a" WHERE "a"."c" = %s', 'SELECT "a"."b" FROM "a" WHERE "a"."c" = ?'),
        ("SELECT 'it''s', x'ff', 1, 2.5e-3, 0xFF", "SELECT ?, ?, ?, ?, ?"),
        ("SELECT t1.a2, b_3 FROM t1", "SELECT t1.a2, b_3 FROM t1"),
        ("SELECT \"na''me\", 'x'", "SELECT \"na''me\", ?"),
        ("SELECT 'never ends", "SELECT ?"),
        ("SELECT 1 -- a secret\n FROM a /* another\none */ WHERE b", "SELECT ? FROM a WHERE b"),
        ("SELECT '-- no comment', '/* nor this'", "SELECT ?, ?"),
        ("SELECT /* without an end", "SELECT"),
        ("DELETE FROM a WHERE b IN (%s, %s, %s)", "DELETE FROM a WHERE b IN (?)"),
        ("DELETE FROM a WHERE b IN (?, ?1, :name, %(x)s)", "DELETE FROM a WHERE b IN (?)"),
        ("INSERT INTO a (b, c) VALUES (%s, %s), (%s, %s)", "INSERT INTO a (b, c) VALUES (?)"),
        ("INSERT INTO a VALUES (1, 'x'), (2, 'y')", "INSERT INTO a VALUES (?)"),
        ("UPDATE a SET b = -5 WHERE c=7", "UPDATE a SET b = -? WHERE c=?"),
        ("SELECT [a name], `b` FROM c", "SELECT [a name], `b` FROM c"),
        ("  SELECT\n\t a  ", "SELECT a"),
        ("", ""),
    ],
)
def test_statements_are_told_without_values(sql, clean):
    assert clean_sql(sql) == clean


def test_a_statement_of_megabytes_is_cut_in_no_time():
    text = clean_sql("SELECT " + "a, " * 1_000_000)
    assert len(text) <= 2001
    text = clean_sql("INSERT INTO a VALUES (" + "'x', " * 1_000_000)
    assert len(text) <= 2001
    assert "x" not in text


@pytest.mark.parametrize(
    ("sql", "operation"),
    [("select 1", "SELECT"), ("\n WITH a AS", "WITH"), ("(SELECT 1)", ""), ("", "")],
)
def test_the_operation_is_the_first_word(sql, operation):
    assert find_operation(sql) == operation
