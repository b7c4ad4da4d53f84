"""OpenAI's SDK, for /v1."""

import os
import sys

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
