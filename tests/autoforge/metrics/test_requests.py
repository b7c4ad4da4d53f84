"""What is counted of a request: by view, with its use of the database."""

import threading

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, connections
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from autoforge.metrics.database_use import Meter, _find_counter, count_statements
from autoforge.metrics.definitions import REGISTRY
from autoforge.metrics.middleware import MetricsMiddleware
from prompts.models import PromptTemplate
from tests.support.counted import Change

pytestmark = pytest.mark.django_db(transaction=True)

IS_LIBSQL = connection.settings_dict["ENGINE"] == "django_hrana"


def test_a_request_is_counted_by_its_view_never_by_its_path():
    change = Change()
    client = Client()
    client.get("/health/live")
    client.get("/health/live/")
    client.head("/health/live")
    client.post("/health/live")
    assert change["http_requests_total", "health:live", "GET", "200"] == 2
    assert change["http_requests_total", "health:live", "HEAD", "200"] == 1
    assert change["http_requests_total", "health:live", "POST", "405"] == 1
    assert change["http_request_duration_seconds_count", "health:live", "GET"] == 2
    assert change["http_request_duration_seconds_sum", "health:live", "GET"] > 0


def test_what_callers_make_up_is_told_apart_no_further():
    client = Client()
    client.get("/no/such/page/0")
    client.generic("BREW0", "/health/live")
    before = len(next(iter(REGISTRY.collect())).samples)
    change = Change()
    for number in range(1, 20):
        client.get(f"/no/such/page/{number}")
        client.generic(f"BREW{number}", "/health/live")
    assert change["http_requests_total", "unmatched", "GET", "404"] == 19
    assert change["http_requests_total", "health:live", "other", "405"] == 19
    assert len(next(iter(REGISTRY.collect())).samples) == before


def test_static_files_are_one_view():
    change = Change()
    assert Client().get("/static/no-such-file.css").status_code == 404
    assert change["http_requests_total", "static", "GET", "404"] == 1


def test_a_request_without_the_database_asks_it_nothing():
    change = Change()
    Client().get("/health/live")
    assert change["http_request_database_statements_bucket", "health:live", "0.0"] == 1
    assert change["http_request_database_seconds_sum", "health:live"] == 0


def ask_three_times(_request) -> HttpResponse:
    for _ in range(3):
        list(PromptTemplate.objects.all())
    return HttpResponse()


def test_statements_and_round_trips_are_those_of_the_request():
    middleware = MetricsMiddleware(ask_three_times)
    list(PromptTemplate.objects.all())  # somebody else's
    change = Change()
    middleware(RequestFactory().get("/"))
    list(PromptTemplate.objects.all())
    assert change["http_request_database_statements_sum", "unmatched"] == 3
    assert change["http_request_database_seconds_count", "unmatched"] == 1
    assert change["http_request_database_seconds_sum", "unmatched"] > 0
    trips = change["http_request_database_round_trips_sum", "unmatched"]
    observed = change["http_request_database_round_trips_count", "unmatched"]
    assert (trips, observed) == ((3, 1) if IS_LIBSQL else (0, 0))


def test_a_connection_that_is_opened_again_meanwhile_is_measured_as_well():
    count_statements(connection)
    list(PromptTemplate.objects.all())
    meter = Meter()
    connection.close()
    list(PromptTemplate.objects.all())
    use = meter.read()
    assert use.statements >= 1
    assert use.seconds > 0
    assert use.round_trips == (1 if IS_LIBSQL else None)


def test_a_thread_without_a_connection_has_asked_nothing():
    uses = []

    def work() -> None:
        connections["default"].execute_wrappers.clear()
        uses.append(Meter().read())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (uses[0].statements, uses[0].seconds, uses[0].round_trips) == (0, 0.0, None)


def test_a_statement_that_fails_is_counted_and_no_wrapper_of_others_is_disturbed():
    count_statements(connection)
    count_statements(connection)
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    meter = Meter()
    with connection.execute_wrapper(watch):
        connection.execute_wrappers.remove(_find_counter(connection))
        count_statements(connection)  # as where the connection is opened inside of it
        meter = Meter()
        with pytest.raises(Exception, match="no such table"):  # noqa: SIM117
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")
    assert seen == ["SELECT * FROM no_such_table"]
    assert meter.read().statements == 1
    assert watch not in connection.execute_wrappers
    assert _find_counter(connection) is not None


def test_under_asgi_requests_are_counted_too(settings):
    settings.METRICS_TOKEN, settings.IS_LOCAL, settings.TRUSTED_PROXIES = None, True, 0
    change = Change()
    get = async_to_sync(AsyncClient().get)
    assert get("/health/live").status_code == 200
    assert change["http_requests_total", "health:live", "GET", "200"] == 1
    assert get("/metrics").status_code == 200


def test_where_requests_share_threads_their_use_of_the_database_is_not_told(settings):
    settings.METRICS_TOKEN, settings.IS_LOCAL, settings.TRUSTED_PROXIES = None, True, 0

    async def answer(_request) -> HttpResponse:
        return HttpResponse(status=202)

    middleware = MetricsMiddleware(answer)
    change = Change()
    call = async_to_sync(middleware)
    assert call(RequestFactory().get("/")).status_code == 202
    assert change["http_requests_total", "unmatched", "GET", "202"] == 1
    assert change["http_request_database_statements_count", "unmatched"] == 0
    assert call(RequestFactory().get("/metrics")).status_code == 200
