"""Which service answers: what makes the answers of two models interchangeable, or not."""

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.base import Environment, Kind, ProviderSpec
from evaluations.engine.providers.services import ADDRESS_VARIABLES

__all__ = ["provider_fingerprint"]


def provider_fingerprint(spec: ProviderSpec, environment: Environment) -> str:
    """Return the kind of a provider and where it is: its address, or the file of a local model."""
    where = spec.base_url or environment.get(ADDRESS_VARIABLES.get(spec.kind, ""), "")
    if spec.kind == Kind.LOCAL:
        where = _file_of(environment)
    return f"{spec.kind} {where.rstrip('/')}"


def _file_of(environment: Environment) -> str:
    from evaluations.engine.providers.local import find_model  # loads an HTTP client

    try:
        path = find_model(environment)
        return f"{path.name} {path.stat().st_size}"
    except (SetupError, OSError):
        return ""
