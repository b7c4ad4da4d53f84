"""gunicorn with threads and with gevent's greenlets, many requests at a time, a server far away.

The libSQL server has as many places for streams as there are requests at a time: one stream that
nobody needs any more, and somebody would be refused.
"""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hrana_support.fault_proxy import FaultProxy
from hrana_support.sqld import Server, free_port

SOURCE = Path(__file__).resolve().parents[1] / "src"
CROWD = 24
EACH = 12  # requests of each client
FAR_SECONDS = 0.01  # each way

SITE = """
import os

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django_hrana", "NAME": os.environ["DATABASE"], "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="not secret",
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.urls import path


class Item(models.Model):
    number = models.IntegerField()

    class Meta:
        app_label = "crowd"


def read(request):
    return HttpResponse(str(Item.objects.get(pk=1).number))


def write(request):
    with transaction.atomic():
        item = Item.objects.select_for_update().get(pk=1)
        item.number += 1
        item.save()
    return HttpResponse("written")


urlpatterns = [path("read", read), path("write", write)]
if os.environ.get("PREPARE"):
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    Item.objects.create(pk=1, number=0)
application = get_wsgi_application()
"""

SERVERS = {
    "gthread": ["--worker-class", "gthread", "--threads", str(CROWD)],
    "gevent": ["--worker-class", "gevent", "--worker-connections", str(CROWD)],
}


@pytest.fixture
def database(tmp_path):
    """Return a proxy, far from a server with a place for each request."""
    places = ["--max-concurrent-connections", str(CROWD)]
    with Server(tmp_path / "sqld", arguments=places, idle_seconds=600) as server:
        proxy = FaultProxy(server.port)
        proxy.delay_seconds = FAR_SECONDS
        yield proxy
        proxy.close()


@pytest.fixture(params=SERVERS)
def port(request, database, tmp_path):
    """Return the port of one process of gunicorn."""
    (tmp_path / "site_of_this_test.py").write_text(SITE, encoding="utf-8")
    environment = os.environ | {
        "DATABASE": database.url,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCE)]),
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-c", "import site_of_this_test"]
    subprocess.run(command, env=environment | {"PREPARE": "1"}, check=True, timeout=60)
    number = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{number}", "--workers", "1"]
    # Not the file that gunicorn might find.
    command += ["--config", "/dev/null", *SERVERS[request.param], "site_of_this_test:application"]
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(number, process, tmp_path / "log.txt")
        yield number
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if ask(port, "/read") == (200, b"0"):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_many_requests_at_a_time(port, database):
    answers = []
    start = threading.Barrier(CROWD)

    def work(number: int) -> None:
        start.wait()
        for turn in range(EACH):
            path = "/write" if (number + turn) % 6 == 0 else "/read"
            answers.append(ask(port, path))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _body in answers} == {200}
    assert len(answers) == CROWD * EACH
    written = sum(body == b"written" for _status, body in answers)
    assert written == CROWD * EACH // 6
    assert ask(port, "/read") == (200, str(written).encode())  # none was lost
    assert database.statuses == {200}  # and none was refused a place
    assert database.most_at_a_time > 2  # they did not wait for each other
