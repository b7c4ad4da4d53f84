"""What the backend asks a server for: in checks, and not when it connects."""

import pytest
from django.db import ConnectionHandler, NotSupportedError


@pytest.fixture
def wrapper(libsql_server, namespace, django_db_blocker):
    entry = {
        "ENGINE": "django_hrana",
        "NAME": libsql_server.url,
        "OPTIONS": {"namespace": namespace},
    }
    with django_db_blocker.unblock():
        wrapper = ConnectionHandler({"default": entry})["default"]
        yield wrapper
        wrapper.close()


def test_connecting_asks_nothing(wrapper):
    wrapper.ensure_connection()
    assert wrapper.features.max_query_params == 32766
    assert wrapper.features.has_json_object_function
    assert wrapper.connection.round_trips == 0


def test_the_server_is_new_enough_and_has_json(wrapper):
    wrapper.ensure_connection()
    assert wrapper.validation.check() == []
    assert wrapper.features.supports_json_field is True
    assert wrapper.connection.round_trips == 2
    wrapper.check_database_version_supported()
    assert wrapper.connection.round_trips == 2


def test_a_server_that_is_too_old_is_named(wrapper, monkeypatch):
    monkeypatch.setattr(type(wrapper.features), "minimum_database_version", (99, 1))
    with pytest.raises(NotSupportedError, match=r"SQLite 99\.1 or later .* \(found 3\.\d+\.\d+\)"):
        wrapper.check_database_version_supported()
    (message,) = wrapper.validation.check()
    assert (message.id, message.is_serious()) == ("libsql.E009", True)


def test_a_server_that_is_not_there_is_left_to_the_command(wrapper):
    wrapper.settings_dict["NAME"] = "http://127.0.0.1:9"
    assert wrapper.validation.check() == []


def test_wrong_settings_are_reported_without_asking(wrapper):
    wrapper.settings_dict["NAME"] = "ftp://nowhere"
    assert [message.id for message in wrapper.validation.check()] == ["libsql.E001"]
