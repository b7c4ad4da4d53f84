"""OpenAI's SDK, for /v1. The model behind it is a fake of OpenAI's service, at MODELS_URL."""

import os
import sys

import httpx
from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI
from running import check, run

from autoforge_client import AutoForge

client = OpenAI(
    base_url=os.environ["AUTOFORGE_URL"] + "/v1",
    api_key=os.environ["AUTOFORGE_API_KEY"],
    max_retries=0,
)
try:
    client.models.list()
except NotFoundError:
    print("  /v1 is not offered by this server yet")
    sys.exit(77)


@check
def models_are_listed() -> None:
    with AutoForge() as autoforge:
        autoforge.create_prompt(
            "support/返信",
            "Greet {{ customer }}.",
            syntax="mustache",
            variables=[{"name": "customer"}],
            config={"provider": "echo", "model": "echo"},
            status="active",
            labels=["production"],
        )
    assert "prompt:support/返信@production" in [model.id for model in client.models.list()]


@check
def a_prompt_is_asked_by_its_name() -> None:
    answer = client.chat.completions.create(
        model="prompt:support/返信",
        messages=[],
        extra_body={"prompt_variables": {"customer": "愛子"}},
    )
    assert "Greet 愛子." in answer.choices[0].message.content
    assert answer.model == "prompt:support/返信@production"


@check
def an_answer_is_streamed_with_its_usage() -> None:
    profile = {
        "name": "fake",
        "provider": "openai-compatible",
        "model": "m",
        "base_url": os.environ["MODELS_URL"] + "/v1",
    }
    address = os.environ["AUTOFORGE_URL"] + "/api/v1/profiles"
    bearer = {"Authorization": f"Bearer {os.environ['AUTOFORGE_API_KEY']}"}
    httpx.post(address, json=profile, headers=bearer).raise_for_status()
    with AutoForge() as autoforge:
        autoforge.create_prompt(
            "support/流れ",
            "Greet {{ customer }}.",
            syntax="mustache",
            variables=[{"name": "customer"}],
            config={"profile": "fake"},
            labels=["production"],
        )
    chunks = list(
        client.chat.completions.create(
            model="prompt:support/流れ",
            messages=[],
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"prompt_variables": {"customer": "愛子"}},
        )
    )
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    texts = [piece for piece in pieces if piece]
    assert "".join(texts) == "answer to Greet 愛子."
    assert len(texts) > 1, texts
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert {chunk.model for chunk in chunks} == {"prompt:support/流れ@production"}
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


@check
def a_stream_without_usage_has_none() -> None:
    with client.chat.completions.create(
        model="prompt:support/流れ@production",
        messages=[{"role": "user", "content": "Please."}],
        stream=True,
        extra_body={"prompt_variables": {"customer": "Ben"}},
    ) as stream:
        chunks = list(stream)
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)


@check
def a_stream_that_cannot_begin_is_refused_in_the_sentence_of_the_contract() -> None:
    for variables, word in (({}, "customer"), ({"customre": "Aiko"}, "customre")):
        try:
            client.chat.completions.create(
                model="prompt:support/流れ",
                messages=[],
                stream=True,
                extra_body={"prompt_variables": variables},
            )
        except BadRequestError as error:
            assert word in error.body["message"], error.body
            assert error.body["type"] == "invalid_request_error"
            assert error.body["param"] == "variables"
            assert error.code.startswith("template.")
        else:
            raise AssertionError


@check
def refusals_are_its_own_errors() -> None:
    try:
        client.chat.completions.create(model="prompt:support/返信", messages=[])
    except BadRequestError as error:
        assert "customer" in error.message
    else:
        raise AssertionError
    try:
        client.chat.completions.create(model="prompt:none", messages=[])
    except NotFoundError as error:
        assert error.status_code == 404
    else:
        raise AssertionError
    try:
        client.with_options(api_key="af_wrong").models.list()
    except AuthenticationError as error:
        assert error.status_code == 401
    else:
        raise AssertionError


run()
