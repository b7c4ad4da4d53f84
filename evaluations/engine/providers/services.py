"""Services that speak OpenAI's protocol, in one table: what they are called, where, with which key.

A service that is one more row needs no file of its own. Names and variables are promptfoo's, so
that its configurations mean the same here. How requests are built is in `openai`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evaluations.engine.providers.base import ADDRESSES, Kind

__all__ = [
    "ADDRESS_VARIABLES",
    "ALIASES",
    "APIS",
    "SERVICES",
    "Service",
    "find_api",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One service."""

    title: str
    """What people call it."""
    url: str
    """Its usual address; empty: the address has to be set."""
    source: str
    """Where the address is documented."""
    key: str = ""
    """The variable of its key; empty: there is none."""
    address: str = ""
    """The variable of another address; empty: there is none."""
    needs_key: bool = True
    """Whether nobody is answered without the key."""
    prices: str = ""
    """What the published prices call it; empty: they do not know it."""
    embeddings: bool = True
    """Whether it has embeddings."""
    schema: bool = True
    """Whether it can be told to keep a JSON Schema."""


SERVICES: Final[Mapping[str, Service]] = {
    "ai21": Service(
        title="AI21",
        url="https://api.ai21.com/studio/v1",
        source="https://docs.ai21.com/reference/jamba-1-6-api-ref",
        key="AI21_API_KEY",
        embeddings=False,
        schema=False,
    ),
    "aimlapi": Service(
        title="AI/ML API",
        url="https://api.aimlapi.com/v1",
        source="https://docs.aimlapi.com/quickstart/setting-up",
        key="AIML_API_KEY",
    ),
    "alibaba": Service(
        title="Alibaba Cloud",
        url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        source="https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
        key="DASHSCOPE_API_KEY",
    ),
    "cerebras": Service(
        title="Cerebras",
        url="https://api.cerebras.ai/v1",
        source="https://inference-docs.cerebras.ai/resources/openai",
        key="CEREBRAS_API_KEY",
        prices="cerebras",
        embeddings=False,
    ),
    "cometapi": Service(
        title="CometAPI",
        url="https://api.cometapi.com/v1",
        source="https://apidoc.cometapi.com",
        key="COMETAPI_KEY",
    ),
    "deepseek": Service(
        title="DeepSeek",
        url="https://api.deepseek.com/v1",
        source="https://api-docs.deepseek.com",
        key="DEEPSEEK_API_KEY",
        prices="deepseek",
        embeddings=False,
        schema=False,
    ),
    "fireworks": Service(
        title="Fireworks",
        url="https://api.fireworks.ai/inference/v1",
        source="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        key="FIREWORKS_API_KEY",
        prices="fireworks",
    ),
    "groq": Service(
        title="Groq",
        url="https://api.groq.com/openai/v1",
        source="https://console.groq.com/docs/openai",
        key="GROQ_API_KEY",
        prices="groq",
        embeddings=False,
    ),
    "huggingface": Service(
        title="Hugging Face",
        url="https://router.huggingface.co/v1",
        source="https://huggingface.co/docs/inference-providers/tasks/chat-completion",
        key="HF_TOKEN",
        needs_key=False,
        embeddings=False,
    ),
    "hyperbolic": Service(
        title="Hyperbolic",
        url="https://api.hyperbolic.xyz/v1",
        source="https://docs.hyperbolic.xyz/docs/rest-api",
        key="HYPERBOLIC_API_KEY",
        embeddings=False,
    ),
    "litellm": Service(
        title="LiteLLM",
        url="http://127.0.0.1:4000",
        source="https://docs.litellm.ai/docs/proxy/user_keys",
        key="LITELLM_API_KEY",
        address="LITELLM_API_BASE",
        needs_key=False,
    ),
    "llamaapi": Service(
        title="Llama API",
        url="https://api.llama.com/compat/v1",
        source="https://llama.developer.meta.com/docs/features/compatibility",
        key="LLAMA_API_KEY",
        embeddings=False,
    ),
    "localai": Service(
        title="LocalAI",
        url="http://127.0.0.1:8080/v1",
        source="https://localai.io/basics/getting_started",
        address="LOCALAI_BASE_URL",
        needs_key=False,
    ),
    "minimax": Service(
        title="MiniMax",
        url="https://api.minimax.io/v1",
        source="https://platform.minimax.io/docs/api-reference/text-openai-api",
        key="MINIMAX_API_KEY",
        prices="minimax",
        embeddings=False,
    ),
    "mistral": Service(
        title="Mistral",
        url="https://api.mistral.ai/v1",
        source="https://docs.mistral.ai/api",
        key="MISTRAL_API_KEY",
        address="MISTRAL_API_BASE_URL",
        prices="mistral",
    ),
    "moonshot": Service(
        title="Moonshot",
        url="https://api.moonshot.ai/v1",
        source="https://platform.moonshot.ai/docs/api/chat",
        key="MOONSHOT_API_KEY",
        prices="moonshotai",
        embeddings=False,
    ),
    "novita": Service(
        title="Novita",
        url="https://api.novita.ai/openai/v1",
        source="https://novita.ai/docs/guides/llm-api",
        key="NOVITA_API_KEY",
        prices="novita",
    ),
    "nscale": Service(
        title="Nscale",
        url="https://inference.api.nscale.com/v1",
        source="https://docs.nscale.com/docs/inference/chat",
        key="NSCALE_SERVICE_TOKEN",
        embeddings=False,
    ),
    "nvidia": Service(
        title="NVIDIA NIM",
        url="https://integrate.api.nvidia.com/v1",
        source="https://docs.api.nvidia.com/nim/reference/llm-apis",
        key="NVIDIA_API_KEY",
    ),
    "openrouter": Service(
        title="OpenRouter",
        url="https://openrouter.ai/api/v1",
        source="https://openrouter.ai/docs/api-reference/overview",
        key="OPENROUTER_API_KEY",
        prices="openrouter",
    ),
    "perplexity": Service(
        title="Perplexity",
        url="https://api.perplexity.ai",
        source="https://docs.perplexity.ai/guides/chat-completions-guide",
        key="PERPLEXITY_API_KEY",
        prices="perplexity",
        embeddings=False,
    ),
    "togetherai": Service(
        title="Together AI",
        url="https://api.together.xyz/v1",
        source="https://docs.together.ai/docs/openai-api-compatibility",
        key="TOGETHER_API_KEY",
        prices="together",
    ),
    "voyage": Service(
        title="Voyage AI",
        url="https://api.voyageai.com/v1",
        source="https://docs.voyageai.com/reference/embeddings-api",
        key="VOYAGE_API_KEY",
        prices="voyageai",
    ),
    "xai": Service(
        title="xAI",
        url="https://api.x.ai/v1",
        source="https://docs.x.ai/docs/api-reference",
        key="XAI_API_KEY",
        prices="x-ai",
        embeddings=False,
    ),
}
"""By the word before the colon of an id."""

ALIASES: Final[Mapping[str, str]] = {
    "alicloud": "alibaba",
    "azureopenai": "azure",
    "hf": "huggingface",
    "palm": "google",
    "aliyun": "alibaba",
    "dashscope": "alibaba",
    "together": "togetherai",
}
"""Other words for the same service."""

APIS: Final[Mapping[str, str]] = {
    "chat": "",
    "completion": "completion",
    "embedding": "",
    "embeddings": "",
    "responses": "responses",
}
"""What may stand between a service and its model, and which API is meant: "" for chats, which
embeddings stand beside."""

ADDRESS_VARIABLES: Final[Mapping[str, str]] = {
    **ADDRESSES,
    **{name: service.address for name, service in SERVICES.items() if service.address},
}
"""The variable with another address, by the kind of its provider."""

OPENAI: Final = Service(
    title="OpenAI",
    url="https://api.openai.com/v1",
    source="https://platform.openai.com/docs/api-reference",
    key="OPENAI_API_KEY",
    address=ADDRESSES[Kind.OPENAI],
    prices="openai",
)


def find_api(kind: str, model: str) -> tuple[str, str]:
    """Return which API an id means, and its model: openai:responses:m is ("responses", "m").

    Args:
        kind: of the provider.
        model: what stands behind the kind.
    """
    middle, colon, rest = model.partition(":")
    if colon and middle in APIS and (kind in SERVICES or kind == Kind.OPENAI):
        return APIS[middle], rest
    return "", model
