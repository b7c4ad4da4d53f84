"""Released prompts for programs: what they get, from where, and how soon they see a move."""

import json
import threading

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import NotFoundError
from prompts import interface, releases_cache, services
from prompts.rendering import ValuesError

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def prompt():
    made = services.create_prompt(
        title="Support reply",
        content="Dear {{ name }}",
        syntax="mustache",
        variables=[{"name": "name"}, {"name": "tone", "default": "calm"}][:1],
    )
    services.edit_prompt(prompt_id=made.pk, content="Hello {{ name }}")
    services.move_label(prompt_id=made.pk, label="production", number=1)
    return made


def queries(call):
    with CaptureQueriesContext(connection) as context:
        call()
    return [query["sql"] for query in context if "PRAGMA" not in query["sql"]]


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("support-reply", {}, "Dear Aiko"),
        ("Support reply", {}, "Dear Aiko"),
        ("support-reply", {"label": "latest"}, "Hello Aiko"),
        ("support-reply", {"version": 2}, "Hello Aiko"),
    ],
)
def test_what_is_rendered(prompt, name, options, text):
    assert interface.render(name, {"name": "Aiko"}, **options).text == text


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("suport-reply", {}, "there is no prompt “suport-reply”; did you mean “support-reply”?"),
        ("support-reply", {"label": "nope"}, "has no label “nope”; it has latest, production"),
        ("support-reply", {"version": 9}, "has no version 9; it has 1 to 2"),
    ],
)
def test_what_there_is_not(prompt, name, options, sentence):
    with pytest.raises(NotFoundError, match=sentence.replace("?", r"\?")):
        interface.get_prompt(name, **options)


def release(**fields):
    made = services.create_prompt(**fields)
    services.move_label(prompt_id=made.pk, label="production", number=1)
    return made


def test_a_name_goes_before_any_number_of_titles():
    for _number in range(12):
        release(title="reply", name=f"other-{_number}", content="not this")
    release(title="Named", name="reply", content="this")
    assert interface.get_prompt("reply").content == "this"
    with pytest.raises(NotFoundError, match="“reply” has no version 7"):
        interface.get_prompt("reply", version=7)


def test_a_title_does_not_stand_in_for_a_name_without_that_label():
    services.create_prompt(title="Named", name="reply", content="not released")
    release(title="reply", name="other", content="never this")
    with pytest.raises(NotFoundError, match="“reply” has no label “production”"):
        interface.get_prompt("reply")
    with pytest.raises(NotFoundError, match="“reply” has no label “production”"):
        interface.find_prompt("reply@production")


def test_which_of_two_titles_is_meant_does_not_hang_on_their_labels():
    release(title="Same", name="first", content="one")
    second = services.create_prompt(title="Same", name="second", content="two")
    with pytest.raises(NotFoundError, match="2 prompts have the title “Same”"):
        interface.get_prompt("Same")
    services.delete_prompt(prompt_id=second.pk)
    assert interface.get_prompt("Same").content == "one"


@pytest.mark.parametrize("asked", [{}, {"label": "latest"}, {"version": 1}])
@pytest.mark.parametrize("name", ["support-reply", "Support reply"])
def test_no_table_is_read_through_for_a_prompt(prompt, name, asked):
    [statement] = queries(lambda: interface.get_prompt(name, **asked))
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        plan = [row[3] for row in cursor.fetchall()]
    assert len(plan) >= 4
    assert not [step for step in plan if step.startswith("SCAN") and "SCALAR" not in step], plan


def test_a_title_of_two_prompts_needs_a_name(prompt):
    services.create_prompt(title="Other", name="other", content="x")
    services.create_prompt(title="Other", content="x")
    with pytest.raises(NotFoundError, match=r"2 prompts have the title “Other”: use a name"):
        interface.get_prompt("Other", label="latest")
    assert interface.get_prompt("other", label="latest").name == "other"


def test_a_fetch_is_one_query(prompt):
    interface.get_prompt("support-reply", version=2)
    assert len(queries(lambda: interface.get_prompt("support-reply"))) == 1
    assert len(queries(lambda: interface.get_prompt("support-reply", label="latest"))) == 1


def elsewhere(call):
    """Run something over another connection, as another process does."""
    failures = []

    def run():
        try:
            call()
        except Exception as error:  # noqa: BLE001 (told to the test)
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failures == []


def test_a_move_is_seen_by_the_next_fetch(prompt):
    assert interface.get_prompt("support-reply").number == 1
    elsewhere(lambda: services.move_label(prompt_id=prompt.pk, label="production", number=2))
    assert interface.get_prompt("support-reply").number == 2
    services.roll_back_label(prompt_id=prompt.pk, label="production", reason="worse")
    assert interface.get_prompt("support-reply").number == 1
    services.delete_prompt(prompt_id=prompt.pk)
    with pytest.raises(NotFoundError):
        interface.get_prompt("support-reply")


@pytest.fixture
def redis(redis_server, settings):
    settings.HAS_REDIS = True
    settings.CACHES = {
        "default": {
            "BACKEND": "autoforge.cache.RedisCache",
            "LOCATION": redis_server.url,
        }
    }
    caches["default"].clear()
    return redis_server


def test_with_redis_a_hit_asks_no_database(prompt, redis):
    interface.get_prompt("support-reply")
    assert queries(lambda: interface.get_prompt("support-reply")) == []
    elsewhere(lambda: services.move_label(prompt_id=prompt.pk, label="production", number=2))
    assert interface.get_prompt("support-reply").number == 2
    assert queries(lambda: interface.get_prompt("support-reply")) == []


def test_without_its_redis_it_goes_on(prompt, redis):
    interface.get_prompt("support-reply")
    redis.kill()
    services.move_label(prompt_id=prompt.pk, label="production", number=2)
    assert interface.get_prompt("support-reply").number == 2


def test_a_stampede_loads_once(redis):
    loads = []
    release = threading.Event()

    def load():
        loads.append(1)
        release.wait(5)
        return "value"

    found = []
    threads = [
        threading.Thread(target=lambda: found.append(releases_cache.remember("key", load)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    while not loads:
        pass
    release.set()
    for thread in threads:
        thread.join()
    assert (len(loads), found) == (1, ["value"] * 20)


def test_an_open_transaction_sees_its_own_and_leaves_nothing_behind(prompt):
    from django.db import transaction

    assert interface.get_prompt("support-reply").number == 1
    with transaction.atomic():
        services.move_label(prompt_id=prompt.pk, label="production", number=2)
        assert interface.get_prompt("support-reply").number == 2
        transaction.set_rollback(True)
    assert interface.get_prompt("support-reply").number == 1


def run(capsys, *arguments):
    call_command("render_prompt", *arguments)
    return capsys.readouterr().out


def test_the_command(prompt, capsys, tmp_path):
    assert run(capsys, "support-reply", "--var", "name=愛子") == "Dear 愛子\n"
    assert run(capsys, "support-reply", "--label", "latest", "--var", "name=a=b") == "Hello a=b\n"
    file = tmp_path / "values.json"
    file.write_text('{"name": "{{ x }}"}', encoding="utf-8")
    assert run(capsys, "support-reply", "--version", "2", "--vars", str(file)) == "Hello {{ x }}\n"
    found = json.loads(run(capsys, "support-reply", "--var", "name=x", "--format", "json"))
    assert (found["version"], found["text"]) == (1, "Dear x")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["nobody"], 2, "there is no prompt “nobody”"),
        (["support-reply"], 1, r"“name” needs a value.*\)\.$"),
        (["support-reply", "--var", "nmae=x"], 1, r"did you mean “name”\?$"),
        (["support-reply", "--var", "name"], 2, "write --var name=value"),
        (["support-reply", "--vars", "gone.json"], 2, "cannot be read"),
    ],
)
def test_the_command_refuses(prompt, arguments, code, sentence):
    with pytest.raises(CommandError, match=sentence) as caught:
        call_command("render_prompt", *arguments)
    assert caught.value.returncode == code


def test_the_command_fills_a_placeholder(capsys, tmp_path):
    history = {"type": "placeholder", "name": "history"}
    question = {"role": "user", "content": "Why?"}
    services.create_prompt(title="chat", content=json.dumps([history, question]), kind="chat")
    turns = json.dumps([{"role": "assistant", "content": "{{ x }}"}])
    arguments = ("chat", "--label", "latest", "--format", "json")
    answer = json.loads(run(capsys, *arguments, "--var", f"history={turns}"))
    assert answer["messages"] == [{"role": "assistant", "content": "{{ x }}"}, question]
    file = tmp_path / "values.json"
    file.write_text(f'{{"history": {turns}}}', encoding="utf-8")
    assert json.loads(run(capsys, *arguments, "--vars", str(file))) == answer
    assert json.loads(run(capsys, *arguments))["messages"] == [question]
    for wrong, sentence in (("[", "needs a list of messages"), ("[{}]", "this one has nothing")):
        with pytest.raises(CommandError, match=sentence) as caught:
            call_command("render_prompt", *arguments, "--var", f"history={wrong}")
        assert caught.value.returncode == 1


def test_the_command_writes_parts(capsys):
    parts = [{"type": "text", "text": "{{ x }}"}, {"type": "image", "url": "https://x.org/a"}]
    content = json.dumps([{"role": "user", "content": parts}])
    services.create_prompt(
        title="look", content=content, kind="chat", syntax="mustache", variables=[{"name": "x"}]
    )
    written = json.loads(run(capsys, "look", "--label", "latest", "--var", "x=What?"))
    assert written == [{"role": "user", "content": [parts[0] | {"text": "What?"}, parts[1]]}]
    [message] = interface.render("look", {"x": "y"}, label="latest").messages
    assert message.content[1] == interface.Part(type="image", url="https://x.org/a")


def test_values_are_held_against_the_contract(prompt):
    with pytest.raises(ValuesError, match="“name” must be a string"):
        interface.render("support-reply", {"name": 3})
