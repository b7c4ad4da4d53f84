"""Azure OpenAI: a deployment of one's own resource, with its key and a version of the API.

https://learn.microsoft.com/azure/ai-foundry/openai/reference. All else is OpenAI's protocol.
"""

from typing import Final
from urllib.parse import quote

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Environment, Limits, ProviderSpec
from evaluations.engine.providers.http import Client
from evaluations.engine.providers.keys import address, find_key, with_headers
from evaluations.engine.providers.openai import ABILITIES, OpenAIProvider

__all__ = ["make_azure"]

VERSION: Final = "2024-12-01-preview"  # promptfoo's, where a configuration names none
BASES: Final = ("AZURE_API_BASE_URL", "AZURE_OPENAI_API_BASE_URL", "AZURE_OPENAI_BASE_URL")
HOSTS: Final = ("AZURE_API_HOST", "AZURE_OPENAI_API_HOST")
KEYS: Final = ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")


def make_azure(spec: ProviderSpec, environment: Environment) -> OpenAIProvider:
    """Return a provider of a deployment.

    Raises:
        SetupError: its deployment, address or key is missing, or the key would go elsewhere.
    """
    if not spec.model:
        raise SetupError("service.no-model", kind=spec.kind)
    own = _find_base(environment)
    base = address(spec.base_url or own, environment, "", "") if spec.base_url or own else ""
    if not base:
        raise SetupError("azure.no-address", variable=HOSTS[0])
    name = next((name for name in KEYS if environment.get(name)), KEYS[0])
    # Every resource is somebody's own: a key belongs to the address that the operator has set.
    key = find_key(spec, base, environment, name, (own,))
    if not key and not spec.base_url:
        raise SetupError("openai.no-key", key=KEYS[0])
    version = quote(str(spec.settings.get("api_version") or VERSION), safe="")
    deployment = quote(spec.model, safe="")
    url = f"{base.rstrip('/')}/openai/deployments/{deployment}?api-version={version}"
    limits = Limits(concurrency=4, timeout_seconds=120)
    client = Client(
        name="Azure OpenAI",
        base_url=url,
        headers=with_headers(spec, {"api-key": key} if key else {}),
        secrets=(key,),
        timeout_seconds=(spec.limits or limits).timeout_seconds,
        policy=make_policy(environment),
    )
    return OpenAIProvider(spec, client, abilities=ABILITIES, limits=limits)


def _find_base(environment: Environment) -> str:
    """Return the address that the operator has set, "" where none is."""
    for name in HOSTS:
        host = environment.get(name, "").removeprefix("https://").removeprefix("http://")
        if host:
            return f"https://{host.rstrip('/')}"
    return next((environment[name] for name in BASES if environment.get(name)), "")
