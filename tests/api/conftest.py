"""A client of the API for each role, with a real key."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from core.access import services
from prompts.models import Prompt
from tests.api.gateway import KEY, OpenAI, make_prompt
from tests.support.fake_models import FakeModels

JSON = "application/json"


class Api:
    """Sends JSON with a key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(headers={"Authorization": f"Bearer {key}"})

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> HttpResponse:
        """Send a request below /api/v1."""
        more: dict[str, Any] = {}
        if body is not None:
            more = {"data": body, "content_type": JSON}
        return self.client.generic(
            method.upper(),
            f"/api/v1/{path}",
            data=_encode(body),
            content_type=JSON if more else "application/octet-stream",
            headers=dict(headers or {}),
            query_params={name: str(value) for name, value in query.items()},
        )

    def get(self, path: str, **more: Any) -> HttpResponse:
        """Read."""
        return self.send("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> HttpResponse:
        """Create."""
        return self.send("POST", path, {} if body is None else body, **more)


def _encode(body: object) -> bytes:
    import json

    return b"" if body is None else json.dumps(body).encode()


@pytest.fixture
def api(db: None) -> Callable[..., Api]:
    """Give a client of a role."""
    made: dict[str, Api] = {}

    def make(role: str = "Administrator", **limits: Any) -> Api:
        if role not in made or limits:
            new = services.create_key(
                name=f"{role} {len(made)}", role=role, requests_per_minute=0, **limits
            )
            made[role] = Api(new.text)
        return made[role]

    return make


@pytest.fixture
def models(settings):
    fake = FakeModels(answer="Hello Aiko!")
    settings.PROVIDER_ENVIRONMENT = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{fake.url}/v1",
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": fake.url,
        "MODEL_ALLOWED_NETWORKS": "loopback",
    }
    yield fake
    fake.close()


@pytest.fixture
def openai(db):
    return OpenAI("Editor")


@pytest.fixture
def prompt(db) -> Prompt:
    return make_prompt({"provider": "openai", "model": "gpt-4.1-mini", "temperature": 0.2})
