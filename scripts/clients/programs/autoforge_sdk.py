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
def a_run_is_estimated_started_and_waited_for() -> None:
    suite = client.request("POST", "suites", json={"name": "Questions"}).json()
    case = {"name": "one", "assertions": [{"type": "contains", "value": "Hello"}]}
    case["variables"] = {"name": "愛子"}
    client.request("POST", f"suites/{suite['id']}/cases", json=case)
    choice = {"suite_id": suite["id"], "prompts": ["support/返信"], "models": ["echo"]}
    assert client.estimate_run(**choice).estimate.calls == 1
    run = client.wait_for_run(client.start_run(**choice).id, timeout=60)
    assert (run.status, run.progress.passed) == ("completed", 1)
    assert client.get_run(run.id, run) is run
    [result] = client.list_results(run.id, state="pass")
    assert (result.case, result.output) == ("one", "Hello 愛子")
    assert client.cancel_run(run.id).status == "completed"  # one that has ended stays


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
