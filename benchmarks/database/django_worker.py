"""Runs Django's operations for one contender; see `requests_loop` for how it is asked.

Started with the DATABASES entry as its argument, in the contender's own environment.
"""

import datetime as dt
import itertools
import json
import re
import socket
import sys
import time
from decimal import Decimal
from urllib.parse import urlsplit

sys.path.insert(0, sys.argv[2])

import django
from django.conf import settings
from requests_loop import answer_requests

settings.configure(
    DATABASES={"default": json.loads(sys.argv[1])},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
    ],
    ROOT_URLCONF="__main__",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    SECRET_KEY="not secret",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.db import connection, models, transaction
from django.test import RequestFactory
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
ROWS = 10_000
COUNTER = itertools.count()


class Item(models.Model):
    """A row of six fields."""

    name = models.CharField(max_length=100)
    number = models.IntegerField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    active = models.BooleanField()
    created = models.DateTimeField()

    class Meta:
        app_label = "auth"
        db_table = "bench_item"


def new_item(number=0):
    """Return an item that is not saved."""
    return Item(
        name=f"item {number}", number=number, price=Decimal("12.50"), active=True, created=NOW
    )


def prepare():
    """Make tables and content; only backends that can are asked to."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    Item.objects.bulk_create([new_item(number) for number in range(ROWS)])
    User.objects.bulk_create(
        [User(username=f"user {number}", password="!", is_staff=True) for number in range(100)]
    )
    User.objects.create(username="owner", password="!", is_staff=True, is_superuser=True)


def expect_rows(count):
    if count != ROWS:
        raise AssertionError(f"{count} rows came, {ROWS} are there")


def follow():
    """Wait until reads come from the replica."""
    is_remote = True
    while is_remote:
        connection.ensure_connection()
        before = connection.connection.round_trips
        get_by_key()
        is_remote = connection.connection.round_trips > before
        time.sleep(0.01)


def get_by_key():
    Item.objects.get(pk=ROWS // 2)


class Floor:
    """The bytes of `get_by_key` over a plain socket: what the server and the network take of it.

    As the driver does in a burst, it goes on with the stream of the answer before.
    """

    BATON = re.compile(rb'"baton":("[^"]*"|null)')
    KEPT_SECONDS = 2.0  # as the driver: the server ends a stream after ten

    def __init__(self):
        self.socket = None

    def connect(self):
        """Connect, and prepare the bytes that stay the same."""
        address = urlsplit(settings.DATABASES["default"]["NAME"])
        self.socket = socket.create_connection((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sql, (key,) = Item.objects.filter(pk=ROWS // 2)[:21].query.sql_with_params()
        arguments = [{"type": "integer", "value": str(key)}]
        statement = {"sql": sql.replace("%s", "?"), "args": arguments}
        self.request = json.dumps({"type": "execute", "stmt": statement}).encode()
        self.head = (
            f"POST /v3/pipeline HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.answered = float("-inf")

    def get(self):
        """Send the request and receive the row."""
        if self.socket is None:
            self.connect()
        if time.monotonic() - self.answered > self.KEPT_SECONDS:
            self.baton = b"null"
        body = b'{"baton":%b,"requests":[%b]}' % (self.baton, self.request)
        self.socket.sendall(b"%b%d\r\n\r\n%b" % (self.head, len(body), body))
        answer = self.socket.recv(65_536)
        while not answer.endswith(b"]}"):
            answer += self.socket.recv(65_536)
        assert b'"item %d"' % (ROWS // 2 - 1) in answer, answer
        self.baton = self.BATON.search(answer)[1]
        self.answered = time.monotonic()


def empty_atomic():
    with transaction.atomic():
        pass


def single_write():
    Item.objects.filter(pk=ROWS // 3).update(number=next(COUNTER))


def create_in_atomic():
    with transaction.atomic():
        new_item(next(COUNTER)).save()


def get_save_nested():
    with transaction.atomic():
        item = Item.objects.get(pk=ROWS // 2)
        item.number += 1
        item.save()
        with transaction.atomic():
            new_item(next(COUNTER)).save()


def bulk_create():
    Item.objects.bulk_create([new_item(number) for number in range(1000)])


def fetch_all():
    expect_rows(len(list(Item.objects.filter(pk__lte=ROWS))))


def iterate_all():
    expect_rows(sum(1 for _ in Item.objects.filter(pk__lte=ROWS).iterator()))


def get_or_create():
    Item.objects.get_or_create(
        name=f"new {time.time_ns()}",
        defaults={"number": 1, "price": 1, "active": 1, "created": NOW},
    )


def changelist():
    if not hasattr(changelist, "user"):
        changelist.user = User.objects.get(username="owner")
    request = RequestFactory().get("/admin/auth/user/")
    request.user, request.session = changelist.user, {}
    request._messages = FallbackStorage(request)
    response = admin.site._registry[User].changelist_view(request).render()
    assert response.status_code == 200 and b"user 42" in response.content


OPERATIONS = {
    "prepare": prepare,
    "follow": follow,
    "get by key": get_by_key,
    "get by key, floor": Floor().get,
    "empty atomic()": empty_atomic,
    "write outside of atomic()": single_write,
    "create in atomic()": create_in_atomic,
    "atomic get, save, nested create": get_save_nested,
    "bulk_create 1000": bulk_create,
    "fetch 10,000 rows": fetch_all,
    "iterator() 10,000 rows": iterate_all,
    "get_or_create, new": get_or_create,
    "admin changelist, 100 users": changelist,
}


if __name__ == "__main__":
    answer_requests(OPERATIONS)
