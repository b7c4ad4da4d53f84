"""The gateway in OpenAI's format, against a fake model service over real HTTP."""

import json

import pytest
from django.test import Client

from evaluations.services import profiles
from prompts import services
from prompts.models import Prompt
from tests.api.gateway import ASK, KEY, OpenAI, make_prompt
from tests.support.fake_models import Step

pytestmark = pytest.mark.django_db
QUESTION = [{"role": "user", "content": "And now?"}]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_order", "arguments": '{"number": 7}'},
}
TOOL = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Finds an order.",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}},
    },
}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def error(answer, status: int, code: str, param: str | None = None) -> str:
    assert answer.status_code == status, answer.content
    body = answer.json()["error"]
    assert set(body) == {"message", "type", "param", "code"}
    assert (body["code"], body["param"]) == (code, param), body
    return body["message"]


def test_a_prompt_is_rendered_and_its_model_is_asked(openai, models, prompt):
    answer = openai.send(ASK)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["id"].startswith("chatcmpl-")
    assert body["created"] > 1_700_000_000
    assert body | {"id": "", "created": 0} == {
        "id": "",
        "object": "chat.completion",
        "created": 0,
        "model": "prompt:support/reply@production",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello Aiko!", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
    assert answer.headers["X-AutoForge-Prompt"] == "support/reply"
    assert answer.headers["X-AutoForge-Version"] == "1"
    # 10 tokens at 0.40 and 5 at 1.60 dollars for a million.
    assert float(answer.headers["X-AutoForge-Cost-USD"]) == pytest.approx(0.000012)
    assert answer.headers["Cache-Control"] == "no-store"
    [(path, headers, sent)] = models.requests
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert sent == {
        "model": "gpt-4.1-mini",
        "messages": [{"role": "user", "content": "Greet Aiko."}],
        "temperature": 0.2,
    }


def test_messages_follow_the_prompt_and_parameters_override_its_own(openai, models):
    chat = [
        {"role": "system", "content": "Be {{ tone }}."},
        {"type": "placeholder", "name": "history"},
    ]
    prompt = services.create_prompt(
        title="chat",
        name="chat",
        kind="chat",
        syntax="mustache",
        content=json.dumps(chat),
        variables=[{"name": "tone"}],
        status=Prompt.Status.ACTIVE,
        config={"model": "openai:gpt-4.1-mini", "max_tokens": 5, "stop": ["x"], "topic": "ours"},
    )
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    answer = openai.chat(
        model=f"prompt:{prompt.name}:1",
        messages=QUESTION,
        prompt_variables={"tone": "kind", "history": history},
        max_completion_tokens=20,
        temperature=None,
        n=1,
        user="somebody",
        store=False,
        metadata={"a": "b"},
        stream=False,
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["model"] == "prompt:chat:1"
    [(_path, _headers, sent)] = models.requests
    assert sent == {
        "model": "gpt-4.1-mini",
        "messages": [{"role": "system", "content": "Be kind."}, *history, *QUESTION],
        "max_completion_tokens": 20,
        "stop": ["x"],
    }


@pytest.mark.parametrize(
    ("body", "name", "version"),
    [
        ({"model": "prompt:support/reply@staging"}, "prompt:support/reply@staging", 2),
        ({"model": "prompt:support/reply@latest"}, "prompt:support/reply@latest", 3),
        ({"model": "prompt:support/reply:2"}, "prompt:support/reply:2", 2),
        ({"model": "prompt", "prompt_id": "support/reply"}, "prompt:support/reply@production", 1),
        (
            {"model": "prompt", "prompt_id": "support/reply", "prompt_version": 3},
            "prompt:support/reply:3",
            3,
        ),
        (
            {"model": "profile:ours", "prompt_id": "support/reply", "prompt_label": "staging"},
            "prompt:support/reply@staging",
            2,
        ),
    ],
)
def test_versions_are_named_as_litellm_and_we_name_them(
    openai, models, prompt, body, name, version
):
    profiles.create_profile(name="ours", provider="openai", model="gpt-4.1")
    for number in (2, 3):
        services.edit_prompt(prompt_id=prompt.pk, content=f"{number} {{{{ customer }}}}")
    services.move_label(prompt_id=prompt.pk, label="staging", number=2, mover=services.SYSTEM)
    answer = openai.send(ASK | body)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["model"], answer.headers["X-AutoForge-Version"]) == (name, str(version))
    model = "gpt-4.1" if "profile" in body["model"] else "gpt-4.1-mini"
    assert models.requests[0][2]["model"] == model


@pytest.mark.parametrize(
    "config", [{"profile": "ours"}, {"model": "ours"}, {"profile": "ours", "model": "x"}]
)
def test_a_configuration_can_name_a_profile(openai, models, config):
    profiles.create_profile(
        name="ours", provider="openai", model="gpt-4.1", parameters={"seed": 1, "top_p": 0.5}
    )
    make_prompt(config | {"seed": 2})
    assert openai.send(ASK).status_code == 200
    sent = models.requests[0][2]
    assert (sent["model"], sent["seed"], sent["top_p"]) == ("gpt-4.1", 2, 0.5)


def test_a_profile_is_asked_directly(openai, models):
    profiles.create_profile(name="ours", provider="echo")
    answer = openai.chat(model="profile:ours", messages=QUESTION)
    body = answer.json()
    assert body["choices"][0]["message"]["content"] == "And now?"
    assert (body["model"], body["usage"]) == ("profile:ours", None)
    assert "X-AutoForge-Prompt" not in answer.headers


def test_tools_go_to_openai_and_back(openai, models, prompt):
    message = {"content": None, "tool_calls": [CALL]}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    models.script = [Step(body=body), Step()]
    answer = openai.send(ASK | {"tools": [TOOL], "tool_choice": "auto"}).json()["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [CALL],
    }
    result = {"role": "tool", "tool_call_id": "call_1", "content": "shipped"}
    again = openai.send(ASK | {"messages": [answer["message"], result], "tools": [TOOL]})
    assert again.status_code == 200, again.content
    sent = models.requests[1][2]
    assert sent["tools"] == [TOOL]
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "shipped", "tool_call_id": "call_1"},
    ]


def test_tools_are_translated_for_anthropic(openai, models):
    make_prompt({"provider": "anthropic", "model": "claude-3-5-haiku-latest"})
    blocks = [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "toolu_1", "name": "find_order", "input": {"number": 7}},
    ]
    body = {
        "content": blocks,
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    models.script = [Step(body=body), Step()]
    asked = ASK | {
        "tools": [TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "stop": "END",
        "max_completion_tokens": 50,
    }
    answer = openai.send(asked).json()["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["content"] == "I look."
    assert answer["message"]["tool_calls"] == [CALL | {"id": "toolu_1"}]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "shipped"}
    again = openai.send(asked | {"messages": [answer["message"], result]})
    assert again.status_code == 200, again.content
    sent = models.requests[1][2]
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": blocks},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "shipped"}],
        },
    ]
    assert sent["stop_sequences"] == ["END"]
    assert sent["max_tokens"] == 50
    assert sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    [tool] = sent["tools"]
    assert tool == {
        "name": "find_order",
        "description": "Finds an order.",
        "input_schema": TOOL["function"]["parameters"],
    }


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-4.1-mini", {"response_format": {"type": "json_schema", "json_schema": "…"}}),
        ("claude-3-5-haiku-latest", {"tool_choice": {"type": "tool", "name": "answer"}}),
    ],
)
def test_a_schema_reaches_both_services(openai, models, model, sent):
    provider = "anthropic" if model.startswith("claude") else "openai"
    make_prompt({"provider": provider, "model": model, "response_schema": {"type": "object"}})
    inner = {"name": "a", "schema": SCHEMA, "strict": True}
    form = {"type": "json_schema", "json_schema": inner}
    assert openai.send(ASK | {"response_format": form}).status_code == 200
    [(_path, _headers, body)] = models.requests
    for name, value in sent.items():
        if name == "response_format":
            assert body[name] == form
        else:
            assert body[name] == value
            assert body["tools"][0]["input_schema"] == SCHEMA


WRONG = [
    ({"temperature": 3}, "temperature", "must be a number from 0 to 2"),
    ({"temperature": "hot"}, "temperature", "must be a number"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools", "a name of 1 to 64"),
    ({"n": 2}, "n", "n"),
    ({"logprobs": True}, "logprobs", "not a field"),
    ({"audio": {}}, "audio", "not a field"),
    ({"modalities": ["text"]}, "modalities", "not a field"),
    ({"stream_options": {"x": 1}}, "stream_options.x", "not a field"),
    ({"messages": "Hi"}, "messages", "must be array, not str"),
    ({"model": ""}, "model", "length"),
    ({"prompt_version": 2}, "prompt_version", "requires prompt_id"),
    ({"prompt_label": "x"}, "prompt_label", "requires prompt_id"),
    ({"prompt_id": "support/reply"}, "model", "model must be “prompt”"),
    (
        {"model": "prompt", "prompt_id": "a", "prompt_version": 1, "prompt_label": "b"},
        "prompt_label",
        "not both",
    ),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "requires a tool_call_id"),
    (
        {"messages": [{"role": "user", "content": "x", "tool_call_id": "c"}]},
        "messages",
        "requires a tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": "x", "tool_calls": [CALL]}]},
        "messages",
        "tool_calls must be a list of functions",
    ),
    *(
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}]},
            "messages",
            "tool_calls must be a list of functions",
        )
        for calls in ("x", [1], [{"type": "custom"}], [{"function": 1}], [{"function": {}}])
    ),
]


@pytest.mark.parametrize(("change", "param", "sentence"), WRONG)
def test_what_is_wrong_is_said_with_its_field(openai, models, prompt, change, param, sentence):
    answer = openai.send(ASK | change)
    assert answer.status_code == 400, answer.content
    body = answer.json()["error"]
    assert (body["param"], body["type"]) == (param, "invalid_request_error")
    assert sentence in body["message"]
    assert models.requests == []


@pytest.mark.parametrize(
    "message",
    [
        {"role": "robot", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": 1},
        {"role": "user", "content": "x", "name": "Aiko"},
        {"role": "user", "content": [{"type": "input_audio"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]},
    ],
)
def test_a_message_that_is_none_is_refused(openai, models, prompt, message):
    assert openai.send(ASK | {"messages": [message]}).status_code == 400
    assert models.requests == []


def test_the_contract_says_what_is_missing(openai, models, prompt):
    message = error(
        openai.send(ASK | {"prompt_variables": {"custommer": "Aiko"}}),
        400,
        "template.unknown-near",
        "variables",
    )
    assert "customer" in message
    assert models.requests == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "version 1 of “support/reply” has no model; add"),
        ({"model": "gpt-4.1"}, "has the model “gpt-4.1” but no provider"),
        ({"provider": "opnai", "model": "x"}, "did you mean “openai”?"),
        ({"provider": "exec", "model": "rm"}, "would run code"),
        ({"provider": "replay", "model": "/etc/passwd"}, "do not open files"),
        ({"profile": "gone"}, "there is no model profile “gone”"),
        ({"provider": "openai", "model": "gpt-4.1", "n": 2}, "n must be 1"),
    ],
)
def test_a_configuration_without_a_model_says_how_to_set_one(openai, models, config, sentence):
    make_prompt(config)
    answer = openai.send(ASK)
    assert answer.status_code in (400, 404, 502)
    assert sentence in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "model", ["gpt-4.1", "prompt:gone", "prompt:support/reply@gone", "prompt:support/reply:9",
              "profile:gone", "prompt:", "prompt:@", "prompt::1"],
)  # fmt: skip
def test_an_unknown_model_is_not_found(openai, models, prompt, model):
    error(
        openai.send(ASK | {"model": model, "prompt_variables": {}}), 404, "model_not_found", "model"
    )
    error(openai.get(f"models/{model}"), 404, "model_not_found", "model")


ANTHROPIC_REFUSED = [
    ({"seed": 1}, "seed", "no equivalent"),
    ({"tool_choice": "always"}, "tool_choice", "none, auto, required"),
    ({"tool_choice": {"type": "function"}}, "tool_choice", "none, auto, required"),
    ({"response_format": {"type": "json_object"}}, "response_format", "no JSON mode"),
    (
        {
            "tools": [TOOL],
            "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        },
        "response_format",
        "at once",
    ),
]


@pytest.mark.parametrize(("change", "param", "sentence"), ANTHROPIC_REFUSED)
def test_what_anthropic_has_no_word_for_is_refused(openai, models, change, param, sentence):
    make_prompt({"provider": "anthropic", "model": "claude-3-5-haiku-latest"})
    answer = openai.send(ASK | change).json()["error"]
    assert (answer["param"], models.requests) == (param, [])
    assert sentence in answer["message"]


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        ({"response_format": {"type": "text"}}, {}),
        ({"tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "tool", "name": "f"}},
        ),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "any"}}),
        ({"tools": [{"type": "web_search"}]}, {"tools": [{"type": "web_search"}]}),
    ],
)
def test_what_anthropic_knows_is_sent_in_its_form(openai, models, change, sent):
    make_prompt({"provider": "anthropic", "model": "claude-3-5-haiku-latest", "top_k": 3})
    assert openai.send(ASK | change).status_code == 200
    body = models.requests[0][2]
    assert {name: body[name] for name in sent} == sent
    assert body["top_k"] == 3
    assert "response_format" not in body


def test_what_a_model_does_not_take_is_refused_rather_than_left_out(openai, models):
    make_prompt({"provider": "openai", "model": "o4-mini", "temperature": 0.2})
    assert "not sent" in error(
        openai.send(ASK | {"temperature": 0.5}), 400, "bad-request", "temperature"
    )
    assert openai.send(ASK | {"max_tokens": 9}).status_code == 200
    assert models.requests[0][2]["max_completion_tokens"] == 9


PROVIDER_ERRORS = [
    (Step(status=400, body={"error": {"message": f"bad {KEY}"}}), 400, "provider_refused"),
    (Step(status=400, body={"error": {"code": "context_length_exceeded"}}), 400,
     "context_length_exceeded"),
    (Step(status=400, body={"error": {"code": "content_filter"}}), 400, "content_filter"),
    (Step(status=401, body={"error": {"message": f"wrong key {KEY}"}}), 502,
     "provider_authentication"),
    (Step(status=429, headers={"Retry-After": "25"}), 429, "rate_limit_exceeded"),
    (Step(status=500, headers={"Retry-After": "25"}, body={"error": {"message": KEY}}), 502,
     "provider_error"),
    (Step(status=504), 504, "provider_timeout"),
    (Step(body="no JSON"), 502, "provider_error"),
    (Step(cut=True), 502, "provider_error"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "status", "code"), PROVIDER_ERRORS)
def test_what_goes_wrong_at_the_service_is_told_without_a_key(openai, models, step, status, code):
    models.script = [step]
    make_prompt({"provider": "openai", "model": "gpt-4.1"})
    answer = openai.send(ASK)
    error(answer, status, code)
    assert KEY not in answer.content.decode()
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers.get("Retry-After") == ("25" if status == 429 else None)


def test_a_missing_key_is_no_fault_of_the_caller(openai, models, prompt, settings):
    settings.PROVIDER_ENVIRONMENT = {"MODEL_ALLOWED_NETWORKS": "loopback"}
    assert "OPENAI_API_KEY is not set" in error(openai.send(ASK), 502, "provider_error")


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b'{"model":"\xff"}', 400), (b"[" * 100_000, 400),
     (b'{"model": 1}', 400), (b'{"messages": []}', 400), (b'{"model":"prompt:\\u0000"}', 404)],
)  # fmt: skip
def test_a_body_that_is_none_is_refused(openai, raw, status):
    answer = openai.send(raw)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["message"]


def test_who_may_not_spend_money_is_refused(models, prompt):
    answer = OpenAI("Viewer").send(ASK)
    assert "evaluations.add_run" in error(answer, 403, "permission_denied")
    answer = Client().post("/v1/chat/completions", ASK, content_type="application/json")
    error(answer, 401, "invalid_api_key")
    assert models.requests == []
    error(
        Client(headers={"Authorization": "Bearer af_no"}).get("/v1/models"), 401, "invalid_api_key"
    )


def test_another_method_is_refused(openai):
    assert openai.get("chat/completions").status_code == 405


def test_models_are_prompts_and_profiles(openai, prompt):
    profiles.create_profile(name="ours", provider="echo")
    body = openai.get("models").json()
    assert body["object"] == "list"
    assert [entry["id"] for entry in body["data"]] == [
        "prompt:support/reply@production",
        "profile:ours",
    ]
    assert body["data"][0] == {
        "id": "prompt:support/reply@production",
        "object": "model",
        "created": 0,
        "owned_by": "autoforge",
    }
    assert openai.get("models/prompt:support%2Freply").json() == body["data"][0]
    assert openai.get("models/profile:ours").json() == body["data"][1]


def test_what_a_profile_says_in_anthropics_words_is_sent(openai, models):
    profiles.create_profile(
        name="ours",
        provider="anthropic",
        model="claude-3-5-haiku-latest",
        parameters={"service_tier": "standard_only", "max_tokens": 9},
    )
    make_prompt({"profile": "ours"})
    assert openai.send(ASK | {"max_completion_tokens": 7}).status_code == 200
    sent = models.requests[0][2]
    assert (sent["service_tier"], sent["max_tokens"]) == ("standard_only", 7)


DEEP = b"[" * 5000 + b"]" * 5000
HOSTILE = [
    b'{"model":"prompt:support/reply","temperature":NaN}',
    b'{"model":"prompt:support/reply","temperature":1e999}',
    b'{"model":"prompt:support/reply","seed":' + b"9" * 5000 + b"}",
    b'{"model":"prompt:support/reply","prompt_variables":{"customer":"\\ud800"}}',
    b'{"model":"prompt:support/reply","prompt_variables":{"customer":' + DEEP + b"}}",
    b'{"model":"prompt:support/reply","metadata":' + DEEP + b',"prompt_variables":{}}',
    b'{"model":"prompt:support/reply","tools":' + DEEP + b"}",
    b'{"model":"prompt:support/reply","prompt_variables":{"customer":["x"]}}',
    b'{"model":"prompt:support/reply","prompt_variables":{"__class__":"x"}}',
    b'{"model":"prompt:support/reply","messages":[{}]}',
    b'{"model":"prompt:support/reply","messages":[{"role":[],"content":[[]]}]}',
    b'{"model":"prompt:support/reply","stop":[""]}',
    b'{"model":"prompt:support/reply@' + b"x" * 400 + b'"}',
    b'{"model":"prompt:..\\/..\\/etc"}',
    b'{"model":"profile:\\u0000"}',
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_hostile_bodies_are_answered_in_openais_format(openai, models, prompt, raw):
    answer = openai.send(raw)
    assert answer.status_code in (400, 404), answer.content
    assert answer.json()["error"]["message"]
    assert models.requests == []


def test_texts_are_sent_as_they_are(openai, models, prompt):
    text = "{{ customer }} \x00 \u2028 </script> data: [DONE]\n\n"
    models.answer = text
    values = {"prompt_variables": {"customer": text.replace("\x00", "")}}
    answer = openai.send(ASK | values)
    assert answer.json()["choices"][0]["message"]["content"] == text
    assert models.requests[0][2]["messages"][0]["content"].startswith("Greet {{ customer }}")
    events = b"".join(openai.send(ASK | values | {"stream": True})).decode().split("\n\n")
    pieces = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    joined = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
    assert joined == text


def test_a_body_that_is_too_large_is_refused_in_openais_format(openai):
    message = error(openai.send(b" " * (17 * 1024 * 1024)), 413, "api.body-over-limit")
    assert "16.0" in message
