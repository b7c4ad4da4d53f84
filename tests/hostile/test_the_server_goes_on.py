"""While hostile requests fill a server's threads, its health answers within a second."""

import json
import threading
import time
import urllib.error
import urllib.request

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from core.diffing import MOST_ROWS
from prompts import services
from tests.hostile.inputs import BIG, JINJA, MANY, product

pytestmark = pytest.mark.django_db(transaction=True)

MOST_SECONDS = 1.0
ATTACKERS = 4
ROUNDS = 3  # a machine that is busy with other things is no failure: one round must do
TOKEN = "a" * 32  # of the CSRF protection: the same in the cookie and the header


class Person:
    """Somebody who is logged in, and asks over real HTTP."""

    def __init__(self, server):
        person, _new = get_user_model().objects.get_or_create(
            username="root", is_staff=True, is_superuser=True
        )
        client = Client()
        client.force_login(person)
        session = client.cookies["sessionid"].value
        self.address = server.url
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "Content-Type": "application/json",
        }

    def ask(self, path, body=None):
        request = urllib.request.Request(self.address + path, body, self.headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def preview_body(content):
    return json.dumps(
        {
            "kind": "text",
            "syntax": "jinja",
            "content": content,
            "variables": [{"name": "big"}, {"name": "many", "type": "list"}],
            "values": {"big": BIG, "many": json.dumps(MANY)},
        }
    ).encode()


def watched(address, attacks):
    """Let all attacks begin at once; return their answers when the health was fast meanwhile."""
    times = []
    for _round in range(ROUNDS):
        answers, slowest = begin(address, attacks)
        times.append(slowest)
        if slowest < MOST_SECONDS:
            return answers
    raise AssertionError(f"/health/live took {times} s")


def begin(address, attacks):
    """Return the answers to all attacks at once, and the slowest answer of the health."""
    answers = []
    threads = [
        threading.Thread(target=lambda attack=attack: answers.append(attack()))
        for attack in attacks
    ]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        started = time.monotonic()
        with urllib.request.urlopen(f"{address}/health/live", timeout=30) as answer:
            assert answer.status == 200
        slowest = max(slowest, time.monotonic() - started)
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    return answers, slowest


def test_previews_that_never_end_are_refused_and_others_are_served(live_server):
    person = Person(live_server)
    contents = [JINJA["sort in a loop"], JINJA["slices in a loop"], JINJA["search in a loop"]]
    attacks = [
        lambda number=number: person.ask(
            "/admin/prompts/prompt/preview/", preview_body(contents[number % len(contents)])
        )
        for number in range(ATTACKERS)
    ]
    answers = watched(live_server.url, attacks)
    assert [status for status, _text in answers] == [200] * ATTACKERS
    said = " ".join(text for _status, text in answers)
    assert "rendering takes more than 1 s of CPU" in said
    assert "try again in a moment" in said


def test_pages_that_compare_large_texts_and_imports_that_multiply_leave_others_alone(live_server):
    person = Person(live_server)
    before = "\n".join(["言葉" * 1900] * 30)
    prompt = services.create_prompt(title="Long", content=before)
    services.edit_prompt(prompt_id=prompt.pk, content="\n".join(["葉言" * 1900] * 30))
    path = f"/admin/prompts/prompt/{prompt.pk}/diff/?from=1&to=2&context=all"
    attacks = [lambda: person.ask(path)] * 4
    answers = watched(live_server.url, attacks)
    assert [status for status, _text in answers] == [200] * len(attacks)
    assert all(text.count("<tr") < MOST_ROWS for _status, text in answers)


def test_an_import_page_refuses_a_product_by_its_number(client, admin_user):
    from django.core.files.uploadedfile import SimpleUploadedFile

    client.force_login(admin_user)
    upload = SimpleUploadedFile("suite.yaml", product(7))
    answer = client.post(
        "/admin/evaluations/testsuite/import/", {"file": upload, "name": "x"}, follow=True
    )
    assert "10,000,000 cases" in answer.content.decode()
