"""Traces that other programs send: the addresses, their limits, and what becomes of spans."""

import gzip
import json
import zlib
from base64 import b64encode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from core.access import services as keys
from evaluations.models import CallRecord
from tests.evaluations.otlp.test_generations import FOLDER

pytestmark = pytest.mark.django_db
PATH = "/v1/traces"
LANGFUSE_PATH = "/api/public/otel/v1/traces"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def key(db):
    return keys.create_key(name="shop", role="Editor", requests_per_minute=0).text


@pytest.fixture
def send(key):
    def post(body, content_type=JSON, *, path=PATH, encoding="", key=key, method="POST"):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        return Client().generic(method, path, body, content_type, headers=headers)

    return post


def span(number=1, **fields):
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.prompt": f"question {number}",
        "gen_ai.completion": "answer",
    }
    listed = [{"key": name, "value": {"stringValue": text}} for name, text in attributes.items()]
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": "reply",
        "startTimeUnixNano": "1764500000000000000",
        "endTimeUnixNano": "1764500001000000000",
        "attributes": listed,
        **fields,
    }


def in_json(*spans):
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def in_protobuf(*spans):
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for entry in spans:
        message = scope.spans.add(
            trace_id=bytes.fromhex(entry["traceId"]),
            span_id=bytes.fromhex(entry["spanId"]),
            name=entry["name"],
        )
        for attribute in entry["attributes"]:
            pair = message.attributes.add(key=attribute["key"])
            pair.value.string_value = attribute["value"]["stringValue"]
    return request.SerializeToString()


def read_status(answer):
    """Return code and message of a Status: in JSON, or in protobuf."""
    if answer.headers["Content-Type"] == JSON:
        body = answer.json()
        assert set(body) == {"code", "message"}
        return body["code"], body["message"]
    content = answer.content
    assert (content[0], content[2]) == (0x08, 0x12)
    length, start = content[3], 4
    if length > 0x7F:
        length, start = (length & 0x7F) + (content[4] << 7), 5
    assert len(content) == start + length
    return content[1], content[start:].decode()


# --- Taken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, LANGFUSE_PATH])
@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP", lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])),
        ("deflate", zlib.compress),
    ],
)
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON, "application/json; charset=utf-8"])
def test_calls_become_records(send, path, encoding, compress, content_type):
    body = in_protobuf(span()) if content_type == PROTOBUF else in_json(span())
    answer = send(compress(body), content_type, path=path, encoding=encoding)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == content_type.partition(";")[0]
    assert answer.content == (b"" if content_type == PROTOBUF else b"{}")
    record = CallRecord.objects.get()
    assert (record.source, record.trace_id, record.span_id) == ("trace", TRACE, f"{1:016x}")
    assert (record.name, record.model, record.caller) == ("reply", "m", "shop")
    assert record.messages == [{"role": "user", "content": "question 1"}]
    assert record.output == "answer"


def test_langfuses_clients_send_the_key_as_a_password(key):
    credentials = b64encode(f"autoforge:{key}".encode()).decode()
    answer = Client().generic(
        "POST",
        LANGFUSE_PATH,
        (FOLDER / "langfuse.json").read_bytes(),
        JSON,
        headers={"Authorization": f"Basic {credentials}", "X-Langfuse-Ingestion-Version": "4"},
    )
    assert (answer.status_code, answer.content) == (200, b"{}")
    # A tool and a span around the calls are taken and not kept.
    assert set(CallRecord.objects.values_list("name", flat=True)) == {"reply", "bad"}


def test_a_request_without_spans_is_good(send):
    for body in (b"", in_protobuf()):
        assert send(gzip.compress(body), PROTOBUF, encoding="gzip").status_code == 200


def test_calls_are_seen_in_the_admin(send, admin_client):
    assert send(in_protobuf(span()), PROTOBUF).status_code == 200
    row = CallRecord.objects.get()
    address = reverse("admin:evaluations_callrecord_change", args=[row.pk])
    records = admin_client.get(reverse("admin:evaluations_callrecord_changelist"))
    assert address in records.content.decode()
    page = admin_client.get(address).content.decode()
    for text in ("question 1", "answer", "reply", TRACE):
        assert text in page


def test_what_is_sent_again_is_kept_once(send):
    for _time in range(2):
        assert send(in_json(span(1), span(2))).status_code == 200
    assert CallRecord.objects.count() == 2


def test_a_body_in_pieces_is_read(send, key):
    # As gunicorn hands on what Node's exporters send: no length, and a stream that ends.
    from io import BytesIO

    def post(**environ):
        return Client().post(
            PATH,
            headers={"Authorization": f"Bearer {key}", "Transfer-Encoding": "chunked"},
            **{"CONTENT_TYPE": JSON, "CONTENT_LENGTH": "", **environ},
        )

    stream = BytesIO(in_json(span()))
    answer = post(**{"wsgi.input": stream, "wsgi.input_terminated": True})
    assert (answer.status_code, CallRecord.objects.count()) == (200, 1)
    answer = post()
    assert read_status(answer) == (3, "send the body with a Content-Length header")
    assert answer.status_code == 411
    stream = BytesIO(b" " * (17 * 1024 * 1024))
    answer = post(**{"wsgi.input": stream, "wsgi.input_terminated": True})
    assert answer.status_code == 413

    class ChunkError(Exception):
        """Gunicorn's errors of chunks are no OSError."""

    class Broken(BytesIO):
        def read(self, size=-1):
            raise ChunkError

    answer = post(**{"wsgi.input": Broken(), "wsgi.input_terminated": True})
    assert answer.status_code == 400
    assert read_status(answer) == (3, "the chunks of the body are malformed, or end early")


@pytest.mark.parametrize("path", [PATH, LANGFUSE_PATH, "/v1/chat/completions"])
def test_who_uses_another_method_is_told_which_there_are(send, path):
    answer = send(b"", path=path, method="PUT")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def count_queries(send, numbers):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert send(in_json(*map(span, numbers))).status_code == 200
    return len(queries)


def test_many_spans_cost_as_many_queries_as_a_few(send):
    send(in_json())
    few = count_queries(send, range(1, 3))
    many = count_queries(send, range(10, 510))
    assert CallRecord.objects.count() == 502
    assert many <= few + 1  # of a large body the key is looked at before it is read
    assert many <= 6


# --- Taken in part --------------------------------------------------------------------------------


def test_what_a_limit_cuts_is_told(send, monkeypatch):
    monkeypatch.setattr("evaluations.otlp.json_form.MOST_SPANS", 3)
    ids = [{}, {"traceId": "0" * 32}, {"spanId": "xyz"}, {}, {}]
    answer = send(in_json(*(span(number, **fields) for number, fields in enumerate(ids, 1))))
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "4"
    assert partial["errorMessage"] == (
        "2 spans beyond the first 10000 were not read; "
        "2 spans have no traceId of 32 or no spanId of 16 hexadecimal digits"
    )
    assert CallRecord.objects.get().span_id == f"{1:016x}"


def test_a_span_that_is_too_large_is_told(send, monkeypatch):
    monkeypatch.setattr("evaluations.otlp.protobuf.LARGEST_SPAN", 1000)
    answer = send(in_protobuf(span(1, name="x" * 1000), span(2)), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert partial.error_message == "1 spans are larger than 4 MiB and were not read"
    assert CallRecord.objects.get().span_id == f"{2:016x}"


def test_a_partial_success_in_protobuf(send):
    spans = [span(number, spanId="00") for number in range(300)]
    answer = send(in_protobuf(*spans), PROTOBUF)
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 300
    assert partial.error_message.startswith("300 spans have no traceId")


def test_other_spans_need_no_ids(send):
    answer = send(in_json(span(attributes=[], spanId="")))
    assert (answer.status_code, answer.content) == (200, b"{}")


# --- Refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"body": b"\xff"}, 400, 3, "the body is"),
        ({"encoding": "gzip"}, 400, 3, "the body is cut off, or not compressed with gzip"),
        (
            {"body": gzip.compress(b"{}" * 1000)[:-9], "encoding": "gzip"},
            *(400, 3, "the body is cut off, or not compressed with gzip"),
        ),
        # Each part of gzip would cost a copy of what is behind it.
        (
            {"body": gzip.compress(b"") * 50_000, "encoding": "gzip"},
            *(400, 3, "the body is cut off, or not compressed with gzip"),
        ),
        ({"encoding": "br"}, 415, 3, "Content-Encoding must be one of: gzip, deflate, identity"),
        ({"key": ""}, 401, 16, ""),
        ({"key": "af_wrong"}, 401, 16, ""),
        ({"method": "GET"}, 405, 12, ""),
        ({"method": "PUT"}, 405, 12, ""),
    ],
)
def test_refusals_are_statuses_in_the_form_of_the_request(
    send, content_type, change, status, code, message
):
    body = in_protobuf(span()) if content_type == PROTOBUF else in_json(span())
    answer = send(**{"body": body, "content_type": content_type, **change})
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == content_type
    told_code, told = read_status(answer)
    assert told_code == code
    assert told.startswith(message)
    assert CallRecord.objects.count() == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", ""])
def test_other_types_are_refused(send, content_type):
    answer = send(in_json(span()), content_type)
    assert answer.status_code == 415
    forms = "application/x-protobuf, application/json"
    assert read_status(answer) == (3, f"Content-Type must be one of: {forms}")


def test_only_roles_that_may_add_records_send_some(send):
    viewer = keys.create_key(name="viewer", role="Viewer", requests_per_minute=0).text
    answer = send(in_json(span()), key=viewer)
    assert (answer.status_code, read_status(answer)[0]) == (403, 7)


def test_a_key_has_its_limit(send):
    slow = keys.create_key(name="slow", role="Editor", requests_per_minute=1).text
    assert send(in_json(), key=slow).status_code == 200
    answer = send(in_json(), key=slow)
    assert (answer.status_code, read_status(answer)[0]) == (429, 8)
    assert int(answer.headers["Retry-After"]) > 0


def test_without_days_nothing_is_accepted(send, settings):
    settings.TRACES_KEPT_DAYS = 0
    answer = send(in_json(span()))
    # Exporters drop what is answered with 404, and log the sentence.
    assert answer.status_code == 404
    assert read_status(answer) == (12, "traces are not accepted here: TRACES_KEPT_DAYS is 0")


def test_a_bad_day_of_the_database_is_no_fault_of_the_sender(send, monkeypatch, caplog):
    import sqlite3

    def fail(**_arguments):
        cause = sqlite3.OperationalError("database is locked")
        cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise OperationalError("database is locked") from cause

    monkeypatch.setattr("evaluations.services.records.keep_records", fail)
    answer = send(in_protobuf(span()), PROTOBUF)
    assert answer.status_code == 503
    assert read_status(answer) == (
        14,
        "the database cannot be used at the moment; send it again later",
    )
    assert answer.headers["Retry-After"] == "10"
    assert "The database cannot be used" in caplog.text


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_at_constant_memory(send, encoding):
    import tracemalloc

    # A gigabyte of zeros in a megabyte: after a full flush, the same bytes say the same again.
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    zeros = bytes(1024 * 1024)
    blocks = []
    for _time in range(2):
        blocks.append(compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH))
    bomb = blocks[0] + blocks[1] * 1023
    assert len(bomb) < 1_100_000
    tracemalloc.start()
    try:
        answer = send(bomb, PROTOBUF, encoding=encoding)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    assert read_status(answer) == (
        3,
        "the body is larger than 16 MiB, decompressed; send less at once",
    )
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_a_body_that_is_too_large_is_refused_unread(send, content_type):
    answer = send(b" " * (17 * 1024 * 1024), content_type)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == content_type
    code, message = read_status(answer)
    assert (code, "16.0" in message) == (3, True)


def test_browsers_of_listed_origins_may_send(client, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example.com"]
    for path in (PATH, LANGFUSE_PATH):
        answer = client.options(
            path,
            headers={
                "Origin": "https://shop.example.com",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,content-encoding",
            },
        )
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example.com"
        assert "content-encoding" in answer.headers["Access-Control-Allow-Headers"]
