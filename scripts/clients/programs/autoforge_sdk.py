"""Our own client for Python."""

import asyncio
import os

from running import check, run

from autoforge_client import AsyncAutoForge, AuthenticationError, AutoForge, Forbidden, NotFound

client = AutoForge(fresh_seconds=0)


@check
def a_prompt_is_created_read_and_rendered() -> None:
    client.create_prompt(
        "support/返信",
        "Hi {{ name }}",
        syntax="mustache",
        variables=[{"name": "name", "type": "text"}],
        config={"model": "m"},
        labels=["production"],
    )
    prompt = client.get_prompt("support/返信")
    assert (prompt.version, prompt.labels) == (1, ["production", "latest"])
    assert prompt.compile(name="愛子") == "Hi 愛子"
    assert client.render("support/返信", {"name": "愛子"}).text == "Hi 愛子"


@check
def versions_labels_and_differences() -> None:
    read = client.get_prompt("support/返信", label="latest")
    second = client.edit_prompt("support/返信", if_match=read.etag, content="Hello {{ name }}")
    assert second.version == 2
    assert client.move_label("support/返信", "production", 2).version == 2
    assert client.get_prompt("support/返信").version == 2
    assert client.roll_back_label("support/返信", "production", reason="x").version == 1
    assert client.diff("support/返信", 1, 2).changed == ["content"]
    assert [version.version for version in client.list_versions("support/返信")] == [2, 1]
    read = client.get_prompt("support/返信", label="latest")
    assert client.edit_prompt("support/返信", if_match=read.etag, tags=["a"]).tags == ["a"]
    labels = [(item.label, item.version) for item in client.list_labels("support/返信")]
    assert labels == [("production", 1), ("latest", 2)]
    client.request("DELETE", "prompts/support/返信/-/labels/production", params={"reason": "x"})
    assert [item.name for item in client.list_prompts(folder="support")] == ["support/返信"]


@check
def refusals() -> None:
    for key, error in ((os.environ["VIEWER_KEY"], Forbidden), ("af_wrong", AuthenticationError)):
        try:
            AutoForge(key=key).create_prompt("x", "x")
        except error:
            pass
        else:
            raise AssertionError
    try:
        client.get_prompt("none")
    except NotFound as error:
        assert error.status == 404
    else:
        raise AssertionError


@check
def without_blocking() -> None:
    async def work() -> int:
        async with AsyncAutoForge() as quick:
            return (await quick.get_prompt("support/返信", label="latest")).version

    assert asyncio.run(work()) == 2


run()
