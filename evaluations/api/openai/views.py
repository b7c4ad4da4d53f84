"""OpenAI's addresses: chat completions and models."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from core.api.controllers import caller_of, need_permission
from core.api.foreign import foreign
from core.errors import NotFoundError
from core.sentences import Sentence
from evaluations.api.openai import answers, calls
from evaluations.api.openai.bodies import (
    ChatBody,
    FieldError,
    read_body,
    read_messages,
    read_parameters,
)
from evaluations.api.openai.parameters import merge_parameters
from evaluations.api.openai.streaming import send_stream
from evaluations.api.openai.targets import PROFILE, PROMPT, Target, find_prompt_of, find_target
from evaluations.engine.errors import ProviderError
from evaluations.engine.types import Request
from evaluations.models import ModelProfile
from evaluations.services.spending import SpendingLimitError, seconds_until_tomorrow
from prompts import interface as prompts

__all__ = ["urlpatterns"]

MOST_PROMPTS: Final = 1000
MOST_PROFILES: Final = 1000
# Calls cost money, so they need what starting a run needs, in the admin and in /api/v1.
SPEND: Final = "evaluations.add_run"
READ: Final = "prompts.view_prompt"


@foreign(say=answers.say, permission=SPEND, methods=("POST",))
def chat_completions(request: HttpRequest) -> HttpResponseBase:
    """Render a prompt, ask its model, and answer as OpenAI does."""
    _need(request, READ)
    body = read_body(request.body)
    own = read_parameters(body)
    messages = read_messages(body.messages)
    if body.stream_options is not None and not body.stream:
        raise FieldError("stream_options", Sentence("gateway.stream-options"))
    try:
        target = find_target(body)
        call = calls.prepare(
            target.spec,
            _build_call(target, messages, own),
            caller_of(request),
            request.META,
            prompt=target.prompt,
            variables=body.prompt_variables,
        )
        if body.stream:
            return _stream(target, call, body)
        outcome = calls.ask(call)
    except ProviderError as error:
        return answers.say_provider_error(error)
    except SpendingLimitError as error:
        return answers.say_spending_limit(error, seconds_until_tomorrow())
    response = answers.send(answers.as_completion(target, outcome))
    for name, value in answers.describe_call(target, outcome).items():
        response.headers[name] = value
    return response


def _stream(target: Target, call: calls.Call, body: ChatBody) -> HttpResponseBase:
    stream = calls.Stream(call)
    stream.open()
    options = body.stream_options
    return send_stream(target, stream, with_usage=bool(options and options.include_usage))


def _build_call(target: Target, messages: tuple[Any, ...], own: dict[str, Any]) -> Request:
    parameters = merge_parameters(target.spec, target.config, own)
    together = (*target.messages, *messages)
    if not together:
        raise FieldError("messages", Sentence("gateway.no-messages"))
    return Request(
        model=target.spec.model,
        messages=together,
        parameters=parameters.values,
        response_schema=parameters.response_schema,
    )


@foreign(say=answers.say, permission=READ)
def models(request: HttpRequest) -> HttpResponse:
    """List what can be asked: prompts by their labels, and model profiles."""
    names = []
    for choice in prompts.list_prompts(MOST_PROMPTS):
        for label in sorted(choice.labels):
            names.append(f"{PROMPT}{choice.name}@{label}")
    if caller_of(request).may("evaluations.view_modelprofile"):
        profiles = ModelProfile.objects.order_by("name").values_list("name", flat=True)
        for name in profiles[:MOST_PROFILES]:
            names.append(f"{PROFILE}{name}")
    return answers.send({"object": "list", "data": list(map(answers.as_model, names))})


@foreign(say=answers.say, permission=READ)
def one_model(request: HttpRequest, model: str) -> HttpResponse:
    """Say whether a prompt or a model profile can be asked."""
    if model.startswith(PROMPT):
        name, _prompt = find_prompt_of(model)
        return answers.send(answers.as_model(name))
    name = model.removeprefix(PROFILE)
    if not model.startswith(PROFILE):
        raise NotFoundError("gateway.unknown-model", model=model)
    _need(request, "evaluations.view_modelprofile")
    if not ModelProfile.objects.filter(name=name).exists():
        raise NotFoundError("gateway.no-profile", name=name)
    return answers.send(answers.as_model(model))


def _need(request: HttpRequest, permission: str) -> None:
    need_permission(caller_of(request), permission)


urlpatterns: list[Any] = [
    path("chat/completions", chat_completions),
    path("models", models),
    path("models/<path:model>", one_model),
]
