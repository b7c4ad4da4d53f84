"""Twenty editors of one prompt: no gap, no twin, nothing lost."""

import threading

import pytest
from django.db import connection

from core.errors import StaleEditError
from prompts import services
from prompts.models import Prompt, PromptEvent

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 20


def in_threads(work):
    failures = []

    def run(number):
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 (a thread's failure is told to the test)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.fixture
def prompt():
    return services.create_prompt(title="Reply", content="start")


def test_all_are_kept(prompt):
    in_threads(lambda number: services.edit_prompt(prompt_id=prompt.pk, content=f"by {number}"))
    versions = list(prompt.versions.order_by("number").values_list("number", "content"))
    assert [number for number, _ in versions] == list(range(1, THREADS + 2))
    assert {content for _, content in versions[1:]} == {f"by {n}" for n in range(THREADS)}
    prompt.refresh_from_db()
    assert (prompt.current_version, prompt.content) == versions[-1]


def test_who_is_told_of_a_newer_version_loses_nothing(prompt):
    def add_a_line(number):
        while True:
            found = Prompt.objects.get(pk=prompt.pk)
            try:
                services.edit_prompt(
                    prompt_id=prompt.pk,
                    content=f"{found.content}\n{number}",
                    expected_version=found.current_version,
                )
            except StaleEditError:
                continue
            return

    in_threads(add_a_line)
    prompt.refresh_from_db()
    lines = prompt.content.split("\n")
    assert (lines[0], sorted(map(int, lines[1:]))) == ("start", list(range(THREADS)))
    assert prompt.current_version == THREADS + 1


def test_a_label_moves_one_after_the_other(prompt):
    for number in range(THREADS):
        services.edit_prompt(prompt_id=prompt.pk, content=f"by {number}")
    in_threads(
        lambda number: services.move_label(prompt_id=prompt.pk, label="staging", number=number + 1)
    )
    moves = PromptEvent.objects.filter(prompt=prompt, kind="label").order_by("id")
    pairs = list(moves.values_list("before", "after"))
    assert len(pairs) == THREADS
    assert [before for before, _ in pairs[1:]] == [after for _, after in pairs[:-1]]
    assert str(prompt.labels.get().version.number) == pairs[-1][1]
