"""Threads that ask for rows by key, as fast as each is answered: ours, or plain requests.

    crowd_worker.py ours|plain URL BACKEND THREADS SECONDS

`plain` is the limit: each thread sends the bytes of one prepared request over a connection that it
keeps, and reads the answer without looking into it. Prints {"latencies", "errors"} as JSON.
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

KIND, URL, BACKEND = sys.argv[1:4]
THREADS, SECONDS = int(sys.argv[4]), float(sys.argv[5])
ROWS = 1000
sys.path.insert(0, BACKEND)


def prepare_django():
    """Return a class of rows whose table is made, and filled, where it is not there."""
    import django
    from django.conf import settings

    entry = {"ENGINE": "django_hrana", "NAME": URL, "CONN_MAX_AGE": None}
    settings.configure(DATABASES={"default": entry}, USE_TZ=True)
    django.setup()
    from django.db import connection, models

    class Item(models.Model):
        name = models.CharField(max_length=100)
        number = models.IntegerField()

        class Meta:
            app_label = "crowd"
            db_table = "crowd_item"

    if Item._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Item)
        Item.objects.bulk_create([Item(name=f"item {n}", number=n) for n in range(ROWS)])
    return Item


def ask_by_django():
    """Return what a thread does once to begin, and then again and again."""
    from django.db import close_old_connections

    item = prepare_django()

    def ask(number):
        item.objects.get(pk=number % ROWS + 1)

    return close_old_connections, ask


def ask_plainly():
    """Return the same for prepared bytes."""
    address = urlsplit(URL)
    sql = "SELECT id, name, number FROM crowd_item WHERE id = 7 LIMIT 21"
    requests = [{"type": "execute", "stmt": {"sql": sql}}, {"type": "close"}]
    body = json.dumps({"baton": None, "requests": requests})
    local = threading.local()

    def begin():
        local.connection = http.client.HTTPConnection(address.hostname, address.port)

    def ask(_number):
        local.connection.request("POST", "/v3/pipeline", body)
        answer = local.connection.getresponse()
        content = answer.read()
        if answer.status != http.HTTPStatus.OK or b"item 6" not in content:
            raise RuntimeError(f"HTTP {answer.status}")

    return begin, ask


def main():
    """Let all threads ask for so long."""
    begin, ask = ask_by_django() if KIND == "ours" else ask_plainly()
    latencies, errors = [], []
    start = threading.Barrier(THREADS + 1)
    end = [0.0]

    def work(number):
        begin()
        ask(number)  # connects
        start.wait()
        while (began := time.perf_counter()) < end[0]:
            try:
                ask(number)
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}"[:200])
            latencies.append(time.perf_counter() - began)
            number += THREADS

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    end[0] = time.perf_counter() + SECONDS + 3600  # nobody ends before all have begun
    start.wait()
    end[0] = time.perf_counter() + SECONDS
    for thread in threads:
        thread.join()
    print(json.dumps({"latencies": latencies, "errors": errors}))


if __name__ == "__main__":
    main()
