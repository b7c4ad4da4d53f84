"""Variables of other people's services, which are read and neither checked nor set here.

Their names are those that the services and promptfoo use, and they may be there for other programs:
AutoForge does not refuse to start because one of them is wrong. They are handed to the providers of
models alone (`Environment.of_providers`). MODEL_KEYS, a variable of ours, adds names to them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["MODEL_SERVICES", "find_service_texts"]

KEYS: Final = frozenset(
    """
    AI21_API_KEY AIML_API_KEY AZURE_API_KEY AZURE_OPENAI_API_KEY CEREBRAS_API_KEY COHERE_API_KEY
    COMETAPI_KEY DASHSCOPE_API_KEY DEEPSEEK_API_KEY FIREWORKS_API_KEY GEMINI_API_KEY GOOGLE_API_KEY
    GROQ_API_KEY HF_API_TOKEN HF_TOKEN HYPERBOLIC_API_KEY LITELLM_API_KEY LLAMA_API_KEY
    MINIMAX_API_KEY MISTRAL_API_KEY MOONSHOT_API_KEY NOVITA_API_KEY NSCALE_SERVICE_TOKEN
    NVIDIA_API_KEY OLLAMA_API_KEY OPENROUTER_API_KEY PERPLEXITY_API_KEY REPLICATE_API_KEY
    REPLICATE_API_TOKEN TOGETHER_API_KEY VERTEX_API_KEY VOYAGE_API_KEY XAI_API_KEY
    AWS_BEARER_TOKEN_BEDROCK
    """.split()  # noqa: SIM905 (a table of words)
)
ADDRESSES: Final = frozenset(
    """
    AZURE_API_BASE_URL AZURE_API_HOST AZURE_OPENAI_API_BASE_URL AZURE_OPENAI_API_HOST
    AZURE_OPENAI_BASE_URL LITELLM_API_BASE LOCALAI_BASE_URL MISTRAL_API_BASE_URL OLLAMA_BASE_URL
    AWS_BEDROCK_REGION AWS_REGION VERTEX_PROJECT_ID VERTEX_REGION
    """.split()  # noqa: SIM905 (a table of words)
)
MODEL_SERVICES: Final = KEYS | ADDRESSES
"""Names of the variables."""


def find_service_texts(
    process: Mapping[str, str], file_values: Mapping[str, str], others: Iterable[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the texts that are set, by name, and those of them that are secrets.

    Args:
        process: the variables of the process, which stand before the file's.
        file_values: the variables of the file.
        others: names besides the usual ones, all of keys.
    """
    texts: dict[str, str] = {}
    secrets: list[str] = []
    for name in sorted(MODEL_SERVICES | set(others)):
        text = (process.get(name) or file_values.get(name) or "").strip()
        if not text:
            continue
        texts[name] = text
        if name not in ADDRESSES:
            secrets.append(text)
    return texts, tuple(secrets)
