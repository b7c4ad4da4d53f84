"""Many clients at once: no version is lost, none is made twice."""

import threading
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import connection

from core.access import services as keys
from prompts.models import Prompt, PromptVersion
from prompts.services import create_prompt
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 20


@pytest.fixture
def client() -> Api:
    call_command("sync_roles", verbosity=0)
    create_prompt(title="Busy", name="busy", content="first")
    return Api(keys.create_key(name="many", role="Editor", requests_per_minute=0).text)


def at_once(work: Callable[[int], None]) -> None:
    """Do the work in as many threads as there are clients, all of them starting together."""
    barrier = threading.Barrier(CLIENTS)

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_twenty_clients_make_twenty_versions_without_a_gap(client):
    answers = []

    def work(number: int) -> None:
        answer = Api(client.key).post("prompts/busy/-/versions", {"content": f"by {number}"})
        answers.append((answer.status_code, answer.json()))

    at_once(work)
    assert {status for status, _body in answers} == {201}
    # Each was told its own version, and what it sent is what stands there.
    told = {body["version"]: body["content"] for _status, body in answers}
    assert sorted(told) == list(range(2, CLIENTS + 2))
    stored = dict(PromptVersion.objects.values_list("number", "content"))
    assert stored == {1: "first", **told}
    assert Prompt.objects.get().current_version == CLIENTS + 1


def test_the_same_idempotency_key_from_all_of_them_makes_one_version(client):
    answers = []

    def work(_number: int) -> None:
        answer = Api(client.key).post(
            "prompts/busy/-/versions",
            {"content": "by whoever is first"},
            headers={"Idempotency-Key": "once"},
        )
        answers.append((answer.status_code, answer.content, answer["ETag"]))

    at_once(work)
    assert len(answers) == CLIENTS
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert PromptVersion.objects.count() == 2


def test_edits_of_one_state_let_one_through(client):
    etag = client.get("prompts/busy", label="latest")["ETag"]
    statuses = []

    def work(number: int) -> None:
        change = {"content": f"edit {number}"}
        answer = Api(client.key).send("PATCH", "prompts/busy", change, headers={"If-Match": etag})
        statuses.append(answer.status_code)

    at_once(work)
    assert sorted(statuses) == [200] + [412] * (CLIENTS - 1)
    assert PromptVersion.objects.count() == 2
