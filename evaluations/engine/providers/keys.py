"""Keys and addresses from the environment; a key goes nowhere but where it belongs."""

from urllib.parse import urlsplit

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.contract import Environment

__all__ = ["address", "key_for"]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def address(wanted: str, environment: Environment, variable: str, default: str) -> str:
    """Return the address to use: the chosen one, the environment's, the usual one.

    Raises:
        SetupError: it is none of HTTP.
    """
    url = wanted or environment.get(variable, "") or default
    if not url:
        raise SetupError(f"no address: set {variable}, or give the model one")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError("an address of a model begins with http:// or https:// and has a host")
    if parts.username or parts.password:
        raise SetupError("an address of a model holds no user name and no password")
    return url


def key_for(url: str, environment: Environment, variable: str, trusted: tuple[str, ...]) -> str:
    """Return the key if `url` is of the same origin as one of the trusted addresses, else "".

    Args:
        url: where the key would be sent.
        environment: the variables.
        variable: the key's.
        trusted: addresses that the key belongs to.
    """
    origins = {_origin(one) for one in trusted if one}
    return environment.get(variable, "") if _origin(url) in origins else ""
