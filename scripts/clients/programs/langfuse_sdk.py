"""Langfuse's SDK for Python: only the host is another one."""

import os

from langfuse import Langfuse
from langfuse.api import NotFoundError, UnauthorizedError
from running import check, run

URL = os.environ["AUTOFORGE_URL"]


def connect(key: str = os.environ["AUTOFORGE_API_KEY"]) -> Langfuse:
    return Langfuse(
        public_key=f"autoforge-{key[-4:]}", secret_key=key, base_url=URL, tracing_enabled=False
    )


langfuse = connect()


@check
def the_key_is_checked() -> None:
    assert langfuse.auth_check() is True


@check
def a_text_is_created_read_and_filled() -> None:
    made = langfuse.create_prompt(
        name="support/reply",
        prompt="Hi {{name}}, 日本 {{place}}",
        labels=["production"],
        tags=["mail"],
        config={"model": "m", "temperature": 0.5},
        commit_message="first",
    )
    assert made.version == 1
    prompt = langfuse.get_prompt("support/reply", cache_ttl_seconds=0)
    assert (prompt.name, prompt.version) == ("support/reply", 1)
    assert prompt.labels == ["production", "latest"]
    assert prompt.tags == ["mail"]
    assert prompt.config == {"model": "m", "temperature": 0.5}
    assert prompt.commit_message == "first"
    assert prompt.compile(name="愛子", place="京都") == "Hi 愛子, 日本 京都"
    assert set(prompt.variables) == {"name", "place"}


@check
def versions_have_numbers_and_labels_move() -> None:
    second = langfuse.create_prompt(name="support/reply", prompt="Hello {{name}} {{place}}")
    assert second.version == 2
    assert langfuse.get_prompt("support/reply", version=2, cache_ttl_seconds=0).version == 2
    assert langfuse.get_prompt("support/reply", label="latest", cache_ttl_seconds=0).version == 2
    assert langfuse.get_prompt("support/reply", cache_ttl_seconds=0).version == 1
    langfuse.update_prompt(name="support/reply", version=2, new_labels=["staging"])
    assert langfuse.get_prompt("support/reply", label="staging", cache_ttl_seconds=0).version == 2


@check
def a_chat_keeps_its_placeholders() -> None:
    langfuse.create_prompt(
        name="返信/会話",
        type="chat",
        prompt=[
            {"role": "system", "content": "Be {{tone}}."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": "{{question}}"},
        ],
        labels=["production"],
    )
    chat = langfuse.get_prompt("返信/会話", type="chat", cache_ttl_seconds=0)
    history = [{"role": "user", "content": "before"}]
    assert chat.compile(tone="kind", question="?", history=history) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "before"},
        {"role": "user", "content": "?"},
    ]


@check
def prompts_are_listed() -> None:
    page = langfuse.api.prompts.list(limit=1)
    assert (page.meta.total_items, page.meta.total_pages, len(page.data)) == (2, 2, 1)
    [item] = langfuse.api.prompts.list(name="support/reply").data
    assert item.versions == [1, 2]
    assert set(item.labels) == {"production", "staging", "latest"}
    assert [item.name for item in langfuse.api.prompts.list(tag="mail").data] == ["support/reply"]


@check
def what_is_not_there_is_not_found_and_the_fallback_stands_in() -> None:
    try:
        langfuse.get_prompt("none", cache_ttl_seconds=0, max_retries=0)
    except NotFoundError as error:
        assert error.status_code == 404
    else:
        raise AssertionError
    prompt = langfuse.get_prompt("none", fallback="else {{x}}", cache_ttl_seconds=0, max_retries=0)
    assert prompt.is_fallback
    assert prompt.compile(x="1") == "else 1"


@check
def a_wrong_key_is_refused() -> None:
    try:
        connect("af_wrong").get_prompt("support/reply", cache_ttl_seconds=0, max_retries=0)
    except UnauthorizedError as error:
        assert error.status_code == 401
    else:
        raise AssertionError


@check
def a_viewer_reads_and_writes_nothing() -> None:
    viewer = connect(os.environ["VIEWER_KEY"])
    assert viewer.get_prompt("support/reply", cache_ttl_seconds=0).version == 1
    try:
        viewer.create_prompt(name="x", prompt="x")
    except Exception as error:  # noqa: BLE001 (its class differs between releases)
        assert getattr(error, "status_code", 0) == 403, error
    else:
        raise AssertionError


@check
def a_prompt_is_remembered() -> None:
    first = langfuse.get_prompt("support/reply")
    langfuse.update_prompt(name="support/reply", version=2, new_labels=["beta"])
    assert langfuse.get_prompt("support/reply", cache_ttl_seconds=60).version == first.version


@check
def a_prompt_is_deleted() -> None:
    langfuse.api.prompts.delete("support/reply")
    try:
        langfuse.get_prompt("support/reply", label="staging", cache_ttl_seconds=0, max_retries=0)
    except NotFoundError:
        pass
    else:
        raise AssertionError


run()
