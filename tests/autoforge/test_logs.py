"""Log lines: JSON outside local, with what people need and without any secret."""

import json
import logging

import pytest
import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils.functional import SimpleLazyObject
from huey import PriorityRedisExpireHuey
from huey.consumer import Worker

from autoforge.logging import formatters, secrets
from autoforge.logging.limits import LOG_EVERY_SECONDS, Limits, limits
from tests.support.ports import free_port


@pytest.fixture
def line():
    """Return a function that logs through a formatter and gives back the line."""
    before = list(secrets._secrets)
    secrets.set_secrets(["hunter2-hunter2", "short"])

    def write(message, *arguments, json_lines=True, **extra) -> str:
        formatter = formatters.make_formatter(json_lines=json_lines)
        make = logging.getLogRecordFactory()
        record = make("app", logging.INFO, "f", 1, message, arguments, None)
        for name, value in extra.items():
            setattr(record, name, value)
        return formatter.format(record)

    yield write
    secrets.set_secrets(before)


def test_a_json_line_is_one_object(line):
    event = json.loads(line("日本語 %s\nsecond", "値"))
    assert event["event"] == "日本語 値\nsecond"
    assert (event["level"], event["logger"]) == ("info", "app")
    assert event["timestamp"].endswith("Z")


def test_a_line_for_people(line):
    assert "[info     ] hello" in line("hello", json_lines=False)


def test_the_request_id_is_in_every_line(line):
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        assert json.loads(line("x"))["request_id"] == "abc"


def test_secrets_never_show(line):
    assert "hunter2" not in line("the key is %s", "hunter2-hunter2")
    assert "hunter2" not in line("x", json_lines=False, exc_text="Traceback: hunter2-hunter2")
    formatter = formatters.make_formatter(json_lines=True)
    with pytest.raises(ValueError, match="hunter2") as caught:
        int("hunter2-hunter2")
    failure = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("a", logging.ERROR, "f", 1, "failed", None, failure)
    text = formatter.format(record)
    assert "hunter2" not in text
    assert json.loads(text)["exception"]


def test_telling_names_are_hidden_at_any_depth():
    event = {
        "password": "x",
        "headers": {"Authorization": "Bearer y", "Accept": "z"},
        "list": [{"api_key": "k"}, "hello"],
        "count": 3,
        "token": None,
    }
    assert secrets.hide_secrets(None, "", event) == {
        "password": "****",
        "headers": {"Authorization": "****", "Accept": "z"},
        "list": [{"api_key": "****"}, "hello"],
        "count": 3,
        "token": None,
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:pa55@cache:6379/0 is away", "redis://****@cache:6379/0 is away"),
        ("https://user@host/x", "https://****@host/x"),
        ("https://host/@me", "https://host/@me"),
        ("GET /x?token=abc&page=2", "GET /x?token=****&page=2"),
        ("csrfmiddlewaretoken=abc;x=1", "csrfmiddlewaretoken=****;x=1"),
        ("Authorization: Bearer abc123def", "Authorization: Bearer ****"),
        ("Basic dXNlcjpwYXNz", "Basic ****"),
        ("basic authentication is needed", "basic authentication is needed"),
        ("{'password': 'it\\'s', 'name': 'x'}", "{'password': \"****\", 'name': 'x'}"),
        ('{"api_key": "a\\"b", "n": 1}', '{"api_key": "****", "n": 1}'),
        ("{'password': ['a', 'b'], 'n': ['x']}", "{'password': \"****\", 'n': ['x']}"),
        ("{'password': b'a'}", "{'password': \"****\"}"),
        ("key sk-ant-0123456789abcdef refused", "key **** refused"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "****"),
        ("key af_k3Jd9aQx_Tq0vYwXz12345678901234", "key af_k3Jd9aQx_****"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "****"),
        ("The token of the database has expired", "The token of the database has expired"),
        ("primary key=7", "primary key=7"),
    ],
)
def test_shapes_of_secrets_are_hidden_whatever_their_value(text, shown):
    assert secrets.hide_text(text) == shown


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "://" * 60_000, "password" * 30_000, "'a" * 90_000]
)
def test_hiding_takes_linear_time(text):
    assert len(secrets.hide_text(text)) <= len(text)


@pytest.mark.parametrize(
    "secret", ['pa/ss%w@rd"q+x', "日本語の秘密の言葉です", "it's <secret> & more"]
)
@pytest.mark.parametrize("json_lines", [True, False])
def test_a_secret_is_hidden_in_every_spelling(line, secret, json_lines):
    secrets.set_secrets([secret])
    for spelling in secrets.list_spellings([secret]):
        for text in (
            line("%s", spelling, json_lines=json_lines),
            line("%r", {"x": spelling}, json_lines=json_lines),
        ):
            assert not any(other in text for other in secrets.list_spellings([secret]))
            assert not json_lines or json.loads(text)["event"]


class TestTracebacks:
    """No local variable of any frame, in either form of a line."""

    @pytest.mark.parametrize("json_lines", [True, False])
    def test_no_locals(self, json_lines):
        def fail(given):
            kept = given.upper()  # as a password is handed on
            raise ValueError(len(kept))

        try:
            fail("local" + "-variable-1")
        except ValueError as error:
            failure = (type(error), error, error.__traceback__)
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "failed", None, failure)
        text = formatters.make_formatter(json_lines=json_lines).format(record)
        assert "ValueError" in text
        assert "local-variable-1" not in text.lower()


@pytest.mark.django_db
@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        User.objects.all,
        lambda: SimpleLazyObject(User.objects.get),
        lambda: {"users": User.objects.all()},
    ],
    ids=["query", "lazy user", "in a dictionary"],
)
def test_writing_a_line_asks_no_database(line, owner, django_assert_num_queries, json_lines, make):
    argument = make()
    with django_assert_num_queries(0):
        text = line("the user %s", argument, json_lines=json_lines)
        assert "the user" in text
        assert owner.username not in text
        event = {"event": "x", "user": argument}
        assert owner.username not in line(event, json_lines=json_lines)
    with connection.cursor() as cursor:  # and after it the database is asked as before
        assert cursor.execute("SELECT 1").fetchone() == (1,)


class TestRepeats:
    """One line a minute of what fails again and again, and how many there were."""

    @pytest.fixture(autouse=True)
    def _anew(self):
        limits.forget()
        yield
        limits.forget()

    @pytest.fixture
    def lines(self):
        """Return the lines that the configured handler would write."""
        import logging.config

        lines: list[str] = []
        before = logging.root.handlers[:]
        names = list(settings.LOGGING["filters"])

        class Keep(logging.Handler):
            def emit(self, record):
                lines.append(self.format(record))

        handler = Keep()
        for name in names:
            handler.addFilter(import_filter(settings.LOGGING["filters"][name]["()"]))
        handler.setFormatter(formatters.make_formatter(json_lines=True))
        huey = logging.getLogger("huey")
        kept, huey.handlers = huey.handlers, [handler]
        logging.root.handlers = [handler]
        yield lines
        huey.handlers = kept
        logging.root.handlers = before

    def test_a_worker_without_its_redis(self, lines):
        url = f"redis://:planted-password@127.0.0.1:{free_port()}/0"
        huey = PriorityRedisExpireHuey("x", url=url, immediate=False)

        class Flag:
            def wait(self, _seconds):
                return False

        for _ in range(3):
            worker = Worker(huey, Flag(), 0.1, 10, 1.15)
            for _ in range(20):
                worker.loop()
        [line] = lines
        event = json.loads(line)
        assert event["event"].startswith("Redis is not responding: ConnectionError")
        assert "exception" not in event
        assert "planted" not in line

    def test_how_many_were_held_back_is_in_the_next_line(self, lines, monkeypatch):
        clock = [1000.0]
        monkeypatch.setattr("autoforge.logging.limits.time.monotonic", lambda: clock[0])
        for _ in range(4):
            fail_and_log("the disk is full")
        fail_and_log("something else")
        clock[0] += LOG_EVERY_SECONDS
        fail_and_log("the disk is full")
        events = [json.loads(line)["event"] for line in lines]
        assert events == ["100% failed", "100% failed", "100% failed (3 more since the last line)"]

    def test_what_has_no_traceback_is_never_held_back(self, lines):
        for _ in range(3):
            logging.getLogger("x").warning("again")
        assert len(lines) == 3

    def test_keys_are_forgotten_in_time(self):
        counting = Limits()
        for number in range(5000):
            assert counting.take(number) == 0
        assert counting.take(4999) is None
        assert counting.take(0) == 0


def import_filter(path: str):
    from django.utils.module_loading import import_string

    return import_string(path)()


def fail_and_log(text: str) -> None:
    try:
        raise OSError(text)  # noqa: TRY301 (an error with a traceback)
    except OSError:
        logging.getLogger("x").exception("%s%% failed", 100)


def test_a_token_that_takes_another_s_place_is_hidden_as_well(line):
    secrets.add_secret("the-new/token")
    secrets.add_secret("tiny")
    text = line("hunter2-hunter2 the-new/token the-new%2Ftoken tiny", json_lines=False)
    assert "**** **** **** tiny" in text
