"""Wrong passwords, behind proxies and without: who is locked out, who is not, and how it ends."""

from io import StringIO

import pytest
from axes.models import AccessAttempt
from django.core.management import CommandError, call_command
from django.test import Client

from autoforge.web.client_address import find_client_address, find_client_network
from autoforge.web.lockout import FAILURES_OF_ADDRESS

LOGIN = "/admin/login/"


@pytest.mark.parametrize(
    ("hops", "forwarded", "peer", "address"),
    [
        (0, "203.0.113.7", "198.51.100.1", "198.51.100.1"),
        (1, None, "10.0.0.1", "10.0.0.1"),
        (1, "", "10.0.0.1", "10.0.0.1"),
        (1, "203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (1, "1.2.3.4, 203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (1, "forged', 1.2.3.4,203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (1, "1.2.3.4, unknown", "10.0.0.1", "10.0.0.1"),
        (2, "203.0.113.7, 10.0.0.2", "10.0.0.1", "203.0.113.7"),
        (2, "1.2.3.4, 203.0.113.7, 10.0.0.2", "10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (2, "unknown, 10.0.0.2", "10.0.0.1", "10.0.0.2"),
        (1, "203.0.113.7:4711", "10.0.0.1", "203.0.113.7"),
        (1, "[2001:db8::7]:4711", "10.0.0.1", "2001:db8::7"),
        (1, "2001:db8::7", "10.0.0.1", "2001:db8::7"),
        (1, "::ffff:203.0.113.7", "10.0.0.1", "203.0.113.7"),
        (0, None, "", None),
    ],
)
def test_the_address_of_a_request(rf, settings, hops, forwarded, peer, address):
    settings.TRUSTED_PROXIES = hops
    request = rf.get("/", REMOTE_ADDR=peer)
    if forwarded is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded
    assert find_client_address(request) == address


def test_an_ipv6_customer_counts_as_one(rf):
    first = find_client_network(rf.get("/", REMOTE_ADDR="2001:db8:1:2::7"))
    second = find_client_network(rf.get("/", REMOTE_ADDR="2001:db8:1:2:ffff::8"))
    other = find_client_network(rf.get("/", REMOTE_ADDR="2001:db8:1:3::7"))
    assert first == second == "2001:db8:1:2::"
    assert other != first


pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def _cheap(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def log_in(name: str, password: str, **meta: str) -> int:
    response = Client().post(LOGIN, {"username": name, "password": password}, **meta)
    return response.status_code


def fail(name: str, count: int, **meta: str) -> list[int]:
    return [log_in(name, "wrong", **meta) for _ in range(count)]


def test_five_failures_close_the_name_from_that_address_alone(settings, owner, member):
    settings.TRUSTED_PROXIES = 1
    attacker, office = (
        {"HTTP_X_FORWARDED_FOR": "203.0.113.7"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.1"},
    )
    assert fail("owner", 6, **attacker) == [200] * 4 + [429] * 2
    assert log_in("owner", "owner-pass", **attacker) == 429
    assert log_in("member", "member-pass", **attacker) == 302
    assert log_in("owner", "owner-pass", **office) == 302


def test_a_forged_header_neither_escapes_nor_locks_others_out(settings, owner):
    settings.TRUSTED_PROXIES = 1
    statuses = [
        log_in("owner", "wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, 203.0.113.7")
        for number in range(6)
    ]
    assert statuses == [200] * 4 + [429] * 2
    assert log_in("owner", "owner-pass", HTTP_X_FORWARDED_FOR="192.0.2.1") == 302


def test_without_a_proxy_the_header_is_nothing(settings, owner):
    settings.TRUSTED_PROXIES = 0
    statuses = [
        log_in("owner", "wrong", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}") for number in range(6)
    ]
    assert statuses == [200] * 4 + [429] * 2


def test_guessing_over_many_names_closes_the_address(settings, owner, member):
    settings.TRUSTED_PROXIES = 1
    attacker, office = (
        {"HTTP_X_FORWARDED_FOR": "203.0.113.7"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.1"},
    )
    for number in range(FAILURES_OF_ADDRESS - 1):
        assert log_in(f"name-{number}", "Summer2026!", **attacker) == 200
    # An account of one's own does not wash the others' failures away.
    assert log_in("member", "member-pass", **attacker) == 302
    assert log_in("last", "Summer2026!", **attacker) == 429
    assert log_in("owner", "owner-pass", **attacker) == 429
    assert log_in("owner", "owner-pass", **office) == 302


def test_without_any_address_nobody_is_closed_for_the_others(settings, owner):
    settings.TRUSTED_PROXIES = 1
    for number in range(FAILURES_OF_ADDRESS + 1):
        assert log_in(f"name-{number}", "wrong", REMOTE_ADDR="") == 200
    assert log_in("owner", "owner-pass", REMOTE_ADDR="") == 302


def test_it_opens_by_itself_and_trying_does_not_prolong_it(settings, owner):
    fail("owner", 5)
    closed_at = AccessAttempt.objects.get().attempt_time
    assert log_in("owner", "wrong") == 429
    assert AccessAttempt.objects.get().attempt_time == closed_at
    AccessAttempt.objects.update(attempt_time=closed_at - settings.AXES_COOLOFF_TIME)
    assert log_in("owner", "owner-pass") == 302


class TestThePage:
    """What it names as a remedy is carried out."""

    @pytest.fixture
    def page(self, owner):
        fail("owner", 5)
        return Client().post(LOGIN, {"username": "owner", "password": "planted-password"})

    def test_it_says_how_long_and_what_helps(self, page, settings):
        text = page.content.decode()
        assert (page.status_code, page["Retry-After"]) == (429, "900")
        assert "login is blocked for 15 minutes" in text
        assert "manage.py open_login NAME" in text
        assert "manage.py open_login --address 127.0.0.1" in text
        assert "planted" not in text

    @pytest.mark.parametrize("arguments", [["owner"], ["--address", "127.0.0.1"]])
    def test_the_command_opens_it(self, page, arguments):
        output = StringIO()
        call_command("open_login", *arguments, stdout=output)
        assert output.getvalue() == "5 failed logins forgotten.\n"
        assert log_in("owner", "owner-pass") == 302

    def test_the_command_opens_nobody_elses(self, page):
        errors = StringIO()
        call_command("open_login", "stranger", stdout=StringIO(), stderr=errors)
        assert "No failed logins were found" in errors.getvalue()
        assert log_in("owner", "owner-pass") == 429

    def test_in_japanese(self, page):
        answer = Client().post(
            LOGIN,
            {"username": "owner", "password": "x"},
            headers={"accept-language": "ja"},
        )
        assert "15 分間ログインできません" in answer.content.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Specify a user, or an address with --address."),
        (["--address", "home"], "'home' is not an IP address"),
    ],
)
def test_wrong_arguments_of_the_command(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("open_login", *arguments)


def test_nothing_secret_is_kept_of_a_failed_login(owner):
    client = Client(enforce_csrf_checks=True)
    client.get(LOGIN)
    token = client.cookies["csrftoken"].value
    client.post(
        f"{LOGIN}?next=/admin/?token=planted-next",
        {"username": "owner", "password": "planted-password", "csrfmiddlewaretoken": token},
    )
    row = AccessAttempt.objects.values().get()
    assert "planted" not in str(row)
    assert token not in str(row)


def test_the_log_names_the_address_and_no_name(owner, caplog):
    from autoforge.logging.limits import limits

    limits.forget()
    fail("owner", 7, HTTP_X_FORWARDED_FOR="192.0.2.1")
    lines = [r.getMessage() for r in caplog.records if r.name == "autoforge.web.lockout"]
    assert lines[0] == "Login blocked: too many failures from 127.0.0.1"
    assert "TRUSTED_PROXIES is 0" in lines[1]
    assert len(lines) == 2
    assert not any("owner" in line for line in lines)
