"""Log lines: JSON outside local, with what people need and without any secret."""

import json
import logging

import pytest
import structlog

from autoforge import logs


@pytest.fixture
def line():
    """Return a function that logs through a formatter and gives back the line."""
    before = list(logs._secrets)
    logs.set_secrets(["hunter2-hunter2", "short"])

    def write(message, *arguments, json_lines=True, **extra) -> str:
        formatter = logs.make_formatter(json_lines=json_lines)
        record = logging.LogRecord("app", logging.INFO, "f", 1, message, arguments, None)
        for name, value in extra.items():
            setattr(record, name, value)
        return formatter.format(record)

    yield write
    logs.set_secrets(before)


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
    formatter = logs.make_formatter(json_lines=True)
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
    assert logs.hide_secrets(None, "", event) == {
        "password": "****",
        "headers": {"Authorization": "****", "Accept": "z"},
        "list": [{"api_key": "****"}, "hello"],
        "count": 3,
        "token": None,
    }
