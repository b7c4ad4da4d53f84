"""A process of the product in whose every pocket is a secret; it provokes each error and shows all.

`python -m tests.support.planted_secrets` with the environment of
`tests/autoforge/test_planted_secrets.py`: what anybody outside could read (answers, their headers,
mails, output of commands) goes to standard output, the log to standard error, as it does in use.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import django

PLANTED = os.environ.pop("PLANTED")  # what every secret begins with
write = print  # to standard output, on purpose
PASSWORD = f"{PLANTED}-password-Aa1!"
FORM = {
    "username": "owner",
    "password": PASSWORD,
    "new_password1": f"{PLANTED}-new-password",
    "api_key": f"{PLANTED}-form-key",
    "csrfmiddlewaretoken": f"{PLANTED}formtokenformtokenformtoken",
}
HEADERS = {
    "authorization": f"Bearer {PLANTED}.bearer.token1",
    "proxy-authorization": f"Basic {PLANTED}basic1=",
    "x-api-key": f"{PLANTED}-header-key",
    "x-auth-token": f"{PLANTED}-auth-token",
    "referer": f"https://user:{PLANTED}-in-address@host/?token={PLANTED}-referer",
}
QUERY = f"?token={PLANTED}-query&password={PLANTED}-query-password&page=2"


class Kept:
    """An object whose `repr` is a secret, as some are."""

    def __repr__(self) -> str:
        return f"<Kept {PLANTED}-in-a-repr>"


def fail(request: Any, *_arguments: Any, **_named: Any) -> None:
    """Raise as a library does, with secrets in the locals of three frames and in the text."""
    kept, everything = Kept(), dict(os.environ)
    raw = request.POST.get("password", "") + request.GET.get("password", "")
    if not hasattr(request, "log_notes"):  # outside of a request nobody knows what it carried
        raw = os.environ["OPENAI_API_KEY"]

    def inner(credentials: dict[str, Any]) -> None:
        header = request.headers["authorization"]
        raise ValueError(
            f"{raw} refused by redis://:{PLANTED}-in-address@host/0 for "
            f"{raw and request.COOKIES.get('sessionid')} {header} {credentials['key']}",
        )

    try:
        inner({"key": os.environ["OPENAI_API_KEY"], "kept": kept, "all": everything})
    except ValueError as error:
        error.add_note(f"note: {raw}")
        group = ExceptionGroup(f"several: {raw}", [error, KeyError(raw)])
        raise RuntimeError(f"wrapped {raw}") from group


async def fail_later(request: Any) -> None:
    """Raise in an asynchronous view."""
    fail(request)


def show(name: str, answer: Any) -> None:
    """Print an answer as it goes over the wire."""
    write(f"=== {name}: {answer.status_code}")
    for header, value in answer.headers.items():
        write(f"{header}: {value}")
    write(answer.content.decode())


def clients() -> Iterator[tuple[str, Any]]:
    """Yield a client for each form that an error page has."""
    from django.conf import settings
    from django.test import Client

    for kind, csrf in (("text/html", False), ("application/json", True)):
        client = Client(raise_request_exception=False, enforce_csrf_checks=csrf)
        client.defaults |= {
            "HTTP_ACCEPT": kind,
            "HTTP_HOST": settings.ALLOWED_HOSTS[0],
            "HTTP_X_FORWARDED_PROTO": "https",
            **os.environ,  # a development server mixes them in
        }
        client.cookies["sessionid"] = f"{PLANTED}sessionsessionsession12"
        client.cookies["csrftoken"] = f"{PLANTED}cookietokencookietoken"
        yield f"{kind}, csrf {csrf}", client


def provoke(client: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each error and how to get it."""
    login = "/admin/login/"
    yield "404", lambda: client.get(f"/no/such/page{QUERY}", headers=HEADERS)
    # The next but one lead on with the person's own query, which is no leak: there is none.
    yield "404 below", lambda: client.post("/admin/no/such/", FORM, headers=HEADERS)
    yield "login", lambda: client.post(login, FORM, headers=HEADERS)
    yield "400 host", lambda: client.post(f"/{QUERY}", FORM, headers=HEADERS | {"host": "evil"})
    yield "413", lambda: client.post(f"{login}{QUERY}", FORM | {"x": "x" * 90_000}, headers=HEADERS)
    yield (
        "400 fields",
        lambda: client.post(
            f"{login}{QUERY}",
            "&".join([f"password={PASSWORD}", *(f"f{n}=" for n in range(1_500))]),
            content_type="application/x-www-form-urlencoded",
            headers=HEADERS,
        ),
    )
    yield (
        "400 multipart",
        lambda: client.post(
            f"{login}{QUERY}", b"--x", content_type="multipart/form-data", headers=HEADERS
        ),
    )
    yield (
        "locked out",
        lambda: [client.post(f"{login}{QUERY}", FORM, headers=HEADERS) for _ in range(6)][-1],
    )
    yield "500", lambda: client.post(f"/fail/{QUERY}", FORM, headers=HEADERS)
    yield "500 get", lambda: client.get(f"/fail/{QUERY}", headers=HEADERS)
    yield "500 later", lambda: client.post(f"/fail-later/{QUERY}", FORM, headers=HEADERS)
    yield "403", lambda: client.get(f"/forbidden/{QUERY}", headers=HEADERS)
    yield "report", lambda: client.get("/health/report", headers=HEADERS)
    yield "ready", lambda: client.get(f"/health/ready{QUERY}", headers=HEADERS)


def forbid(request: Any) -> None:
    """Refuse with a reason that is a secret."""
    from django.core.exceptions import PermissionDenied

    raise PermissionDenied(f"{request.GET['password']} {os.environ['OPENAI_API_KEY']}")


def provoke_all(when: str) -> None:
    """Show what each error answers."""
    for number, (kind, client) in enumerate(clients()):
        for name, ask in provoke(client):
            # The second client sees the other form of the technical pages: they are made of errors.
            if number and not (when == "well" and name in {"404", "login", "500 get", "403"}):
                continue
            show(f"{when}, {name}, {kind}", ask())


def ask_asynchronously() -> None:
    """Show what the other kind of server answers."""
    from django.conf import settings
    from django.test import AsyncClient

    async def ask() -> Any:
        client = AsyncClient(raise_request_exception=False)
        settings.ALLOWED_HOSTS.append("testserver")  # this client's own
        headers = HEADERS | {"x-forwarded-proto": "https"}
        client.cookies["sessionid"] = f"{PLANTED}sessionsessionsession12"
        return await client.post(f"/fail/{QUERY}", FORM, headers=headers)

    show("over ASGI", asyncio.run(ask()))


def break_the_database() -> None:
    """Let the database refuse from here on, with its address and token in the text."""
    from django.db import connection

    from django_hrana import driver

    def refuse(_execute: Any, sql: str, parameters: Any, *_more: Any) -> None:
        secret = os.environ["TURSO_AUTH_TOKEN"]
        error = django.db.OperationalError(f"refused: {secret} in {sql} with {parameters}")
        raise error from driver.Unreachable(f"https://user:{PLANTED}-in-address@db/?authToken=x")

    connection.execute_wrappers.append(refuse)


def log_everything() -> None:
    """Log as careless code does, in a task too, and mail what an administrator would get."""
    from django.core import mail
    from django.test import RequestFactory
    from django.utils.log import AdminEmailHandler
    from django_tasks import task

    from autoforge import background

    log = logging.getLogger("careless")
    request = RequestFactory().post(f"/{QUERY}", FORM, headers=HEADERS)
    log.warning("headers %s form %s", dict(request.headers), dict(request.POST))
    log.warning("environment %s", dict(os.environ))
    log.warning({"event": "mapping", "password": PASSWORD, "nested": [dict(os.environ)]})
    mailer = AdminEmailHandler(include_html=True)
    try:
        fail(request)
    except RuntimeError:
        log.exception("careless %s", dict(request.headers), stack_info=True)
    request.log_notes = []
    request.COOKIES["sessionid"] = f"{PLANTED}sessionsessionsession12"
    try:
        fail(request)
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", None, sys.exc_info())
        record.request = request
        mailer.emit(record)
    assert mail.outbox, "the mail was not sent"
    for message in mail.outbox:
        write(message.subject, message.body, *(part[0] for part in message.alternatives))
    del request.log_notes, request.COOKIES["sessionid"]
    background._run(task()(fail), [request], {"password": PASSWORD})


def run_commands() -> None:
    """Show what the commands say of the environment."""
    from django.core.management import CommandError, call_command

    for name in ("show_environment", "check_health", "database_info", "check"):
        for arguments in ([], ["--format", "json"]) if name != "check" else ([],):
            output = StringIO()
            try:
                call_command(name, *arguments, stdout=output, stderr=output)
            except (CommandError, SystemExit, django.db.Error) as error:
                write(name, error)
            write(output.getvalue())


def main() -> None:
    """Provoke everything, with the database well and not."""
    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test.utils import setup_test_environment
    from django.urls import path

    from autoforge import urls

    debug = settings.DEBUG
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
    settings.ADMINS = [("Admin", "admin@example.com")]
    setup_test_environment(debug=debug)
    settings.ALLOWED_HOSTS = [host for host in settings.ALLOWED_HOSTS if host != "testserver"]
    urls.urlpatterns += [path("fail/", fail), path("fail-later/", fail_later)]
    urls.urlpatterns += [path("forbidden/", forbid)]
    for app in ("auth", "sessions", "axes"):  # the others take seconds, and nothing here needs them
        call_command("migrate", app, verbosity=0)
    User.objects.create_superuser("owner", password="another")
    run_commands()
    log_everything()
    provoke_all("well")
    ask_asynchronously()
    break_the_database()
    provoke_all("refusing")
    run_commands()
    write("=== all was shown")


if __name__ == "__main__":
    main()
