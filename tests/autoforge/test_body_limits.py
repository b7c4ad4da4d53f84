"""Bodies that are too large: refused before anything is written, on both kinds of servers."""

import asyncio
import tempfile
from io import BytesIO

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncRequestFactory, Client

from autoforge.web.body_limits import BodyLimitMiddleware, LimitBodies
from core.uploads import (
    FORM_BYTES,
    LARGEST_BYTES,
    MEBIBYTE,
    accepts_upload,
)

pytestmark = [pytest.mark.django_db, pytest.mark.once]
LOGIN = "/admin/login/"
IMPORT = "/admin/prompts/prompt/import/"
SUITES = "/admin/evaluations/testsuite/import/"
PASSWORD = "/admin/password_change/"


@pytest.fixture
def no_files(monkeypatch):
    """Fail where anything makes a temporary file."""

    def refuse(*arguments, **named):
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr("django.core.files.uploadedfile.TemporaryUploadedFile.__init__", refuse)


def upload(size: int) -> dict:
    return {"file": SimpleUploadedFile("x.csv", b"x" * size, "text/csv"), "password": "planted"}


@pytest.mark.parametrize(
    "path", [LOGIN, IMPORT, SUITES, PASSWORD, "/i18n/setlang/", "/health/live"]
)
def test_who_has_not_logged_in_sends_little(path, no_files):
    answer = Client().post(path, upload(4 * MEBIBYTE))
    assert answer.status_code == 413
    text = answer.content.decode()
    assert "You sent 4.0 MB, but this page accepts at most 64.0 KB; nothing was saved." in text
    assert "Log in first" in text
    assert "planted" not in text


def test_not_even_with_a_cookie_of_ones_own(no_files):
    client = Client(enforce_csrf_checks=True)
    client.cookies["sessionid"] = "a" * 32
    assert client.post(LOGIN, upload(4 * MEBIBYTE)).status_code == 413


def test_nobody_is_asked_for_where_the_body_is_small(django_assert_num_queries):
    with django_assert_num_queries(0):
        Client().post("/", {"x": "y" * 1000})


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        (PASSWORD, 1 * MEBIBYTE, 200),
        (PASSWORD, FORM_BYTES, 413),
        (IMPORT, 3 * MEBIBYTE, 200),
        (IMPORT, 20 * MEBIBYTE + 1, 200),  # the form says it beside the field
        (IMPORT, 22 * MEBIBYTE, 413),
        (SUITES, 22 * MEBIBYTE, 200),
        (SUITES, 42 * MEBIBYTE, 413),
    ],
)
def test_who_has_logged_in_sends_what_the_page_takes(client, owner, path, size, status):
    client.force_login(owner)
    answer = client.post(path, upload(size))
    assert answer.status_code == status
    if status == 413 and path != PASSWORD:
        assert "manage.py import_" in answer.content.decode()


@pytest.mark.parametrize(
    ("server", "most"), [("gunicorn/27", MEBIBYTE), ("WSGIServer/0.2 CPython/3.11", 4 * MEBIBYTE)]
)
def test_how_much_is_read_only_to_be_thrown_away(rf, server, most):
    class Body(BytesIO):
        largest = 0

        def read(self, size=-1):
            Body.largest = max(Body.largest, size)
            return super().read(size)

    body = Body(b"x" * 4 * MEBIBYTE)
    request = rf.post(LOGIN, SERVER_SOFTWARE=server, CONTENT_LENGTH=4 * MEBIBYTE)
    request._stream, request.user = body, AnonymousUser()
    answer = BodyLimitMiddleware(lambda _request: None).process_view(request, None, (), {})
    assert answer.status_code == 413
    assert body.tell() == most
    assert Body.largest <= 64 * 1024


def test_in_japanese():
    answer = Client().post(LOGIN, upload(MEBIBYTE), headers={"accept-language": "ja"})
    assert "何も保存されていません" in answer.content.decode()


def test_the_line_in_the_log(caplog):
    Client().post(LOGIN, upload(MEBIBYTE))
    assert [r.getMessage() for r in caplog.records if r.name == "autoforge.requests"]


@pytest.mark.parametrize("limit", [FORM_BYTES, LARGEST_BYTES + 1])
def test_a_view_cannot_take_more_than_django(limit):
    with pytest.raises(ValueError, match="An upload limit must be from"):
        accepts_upload(limit, command="x")


# --- ASGI ---


class Asked:
    """A fake server's side of one request: gives the body in pieces, keeps the answer."""

    def __init__(self, path: str, *, pieces: int, announced: int | None, cookie: str = "") -> None:
        headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=b")]
        if announced is not None:
            headers.append((b"content-length", str(announced).encode()))
        if cookie:
            headers.append((b"cookie", f"sessionid={cookie}".encode()))
        self.scope = AsyncRequestFactory()._base_scope(path=path, method="POST") | {
            "headers": headers
        }
        self.pieces = pieces
        self.given = 0
        self.sent: list[dict] = []

    async def receive(self):
        if self.given == self.pieces:
            await asyncio.sleep(3600)  # an open connection says nothing more
        self.given += 1
        more = self.given < self.pieces
        return {"type": "http.request", "body": b"x" * MEBIBYTE, "more_body": more}

    async def send(self, message):
        self.sent.append(message)

    def run(self, application) -> int:
        asyncio.run(LimitBodies(application)(self.scope, self.receive, self.send))
        return self.sent[0]["status"]


@pytest.fixture
def application():
    from django.core.asgi import get_asgi_application

    return get_asgi_application()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "announced", "most_pieces", "status"),
    [
        # One more is thrown away, so that a browser gets to the answer.
        (LOGIN, 300 * MEBIBYTE, 1, 413),
        (LOGIN, None, 2, 413),
        (IMPORT, None, 2, 413),
        ("/no/such/page", None, 2, 404),
    ],
)
def test_asgi_reads_no_further_than_it_takes(application, path, announced, most_pieces, status):
    asked = Asked(path, pieces=300, announced=announced)
    assert asked.run(application) == status
    assert asked.given <= most_pieces
    if status == 413:
        text = b"".join(message.get("body", b"") for message in asked.sent).decode()
        assert "but this page accepts at most 64.0 KB" in text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("pieces", "announced", "given", "status"),
    [
        (90, None, 86, 413),
        (90, 90 * MEBIBYTE, 64, 413),
        (3, None, 3, 403),
        (3, 3 * MEBIBYTE, 3, 403),
    ],
)
def test_asgi_takes_what_the_page_takes(application, owner, pieces, announced, given, status):
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    session = SessionStore()
    session[SESSION_KEY] = str(owner.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = owner.get_session_auth_hash()
    session.save()
    asked = Asked(IMPORT, pieces=pieces, announced=announced, cookie=session.session_key)
    assert asked.run(application) == status  # 403: the token of the form is not in there
    assert asked.given <= given


def test_other_protocols_pass():
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope["type"])

    asyncio.run(LimitBodies(application)({"type": "lifespan"}, None, None))
    assert scopes == ["lifespan"]
