"""Keys and addresses from the environment; a key goes nowhere but where it belongs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from evaluations.engine.errors import SetupError
from evaluations.engine.providers.base import Environment, ProviderSpec

__all__ = [
    "DECLARED",
    "KEY_VARIABLE",
    "address",
    "check_address",
    "find_key",
    "find_secret",
    "find_variable",
    "hide_secrets",
    "hide_secrets_in_text",
    "key_for",
    "with_headers",
]

CONNECTION: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})
DECLARED: Final = "MODEL_KEYS"
"""The variable in which an operator says where else keys may go: NAME=https://host, …"""
KEY_VARIABLE: Final = "key_variable"
"""What a spec's settings call the variable of its key, where it is not the service's own."""
HIDDEN: Final = "****"
SECRET_ENDS: Final = (
    *("apikey", "apitoken", "accesskey", "accesskeyid", "privatekey", "subscriptionkey"),
    *("secret", "password", "passwd", "passphrase", "authorization", "bearer", "credential"),
    *("credentials", "cookie", "token"),
)
SECRET_WORDS: Final = frozenset({"key", "auth", "pat", "pwd"})
# Ends in "token", and is a word of tokenizers.
TOKENIZER: Final = re.compile(r"(?:bos|eos|pad|unk|sep|cls|mask|stop|end|start|decoderstart)token")
SECRET_VALUE: Final = re.compile(
    r"(?:bearer|basic)\s+\S{6,}.*|(?:sk|pk|rk)[-_][\w-]{6,}|gh[pousr]_\w{16,}|xox[abprs]-[\w-]{8,}"
    r"|hf_\w{16,}|akia[0-9a-z]{16}|aiza[\w-]{30,}|eyj[\w-]{10,}\.[\w-]+\.[\w-]*|-----begin .*"
    r"|https?://\S*[?&](?:api[-_]?key|key|token|sig|secret)=\S+",
    re.IGNORECASE | re.DOTALL,
)
ENVIRONMENT: Final = re.compile(
    r"\{\{-?\s{0,9}env\s{0,9}(?:\.\s{0,9}(\w+)|\[\s{0,9}[\"'](\w+)[\"']\s{0,9}\])\s{0,9}-?\}\}"
)
# In a sentence or in JSON; each repeats within bounds, or to the end: linear in the text.
SCHEME: Final = re.compile(
    r"\b(bearer|basic)\s{1,5}(?=\S{0,500}[0-9=])[^\s\"'`<>(){},;]{6,}|\b(bearer)\s{1,5}\S{6,}",
    re.IGNORECASE,
)
USER: Final = re.compile(r"(?<=://)[^/?#\s@'\"]{1,500}@")
PRIVATE_KEY: Final = re.compile(
    r"-----begin [a-z ]{0,40}-----.*?(?:-----end [a-z ]{0,40}-----|\Z)", re.IGNORECASE | re.DOTALL
)
NAME: Final = re.compile(r"(?<![\w.-])([\w.-]{1,60})(\\{0,3}[\"'])?\s{0,5}([:=])\s{0,5}")
VALUE: Final = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|\\{1,3}\"[^\"\\]*(?:\\{1,3}\")?"
    r"|(?:(?:bearer|basic)\s{1,5})?[^\s\"'<>(){},;&\\]+",
    re.IGNORECASE | re.DOTALL,
)
WORD: Final = re.compile(r"[^\s\"'`<>(){}\[\],;:=&\\]+")
ENDS_OF_SENTENCES: Final = ".!?"
LONG: Final = 20  # characters of a value that is no word
SIGNATURE: Final = "sig"


def find_secret(value: object) -> str:
    """Return the path of the first entry that looks like a secret, "" where none does.

    Names count where a text or a number stands under them: a schema may describe a password.

    Args:
        value: settings, of any depth.
    """
    return next(_find_secrets(value, "", named=False), "")


def _find_secrets(value: object, path: str, *, named: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else str(name)
            yield from _find_secrets(inner, below, named=_names_secret(str(name)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _find_secrets(inner, f"{path}[{index}]", named=named)
    elif _is_secret(value, named=named):
        yield path or "a string"


def find_variable(value: object) -> str:
    """Return the variable that a text such as `{{ env.NAME }}` stands for, "" for any other.

    Examples:
        >>> find_variable("{{ env.TEAM_KEY }}"), find_variable("{{ name }}")
        ('TEAM_KEY', '')
    """
    match = ENVIRONMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return "" if match is None else match[1] or match[2]


def _is_secret(value: object, *, named: bool) -> bool:
    """Whether a value without others inside is a secret; named: by what it stands under."""
    if isinstance(value, str):
        # What names a variable is no secret: it holds none.
        text = ENVIRONMENT.sub("", value).strip()
        if text != value.strip() and text.lower() in ("", "bearer", "basic", "token"):
            return False
        return bool(text) and (named or SECRET_VALUE.fullmatch(text) is not None)
    return named and isinstance(value, int | float) and not isinstance(value, bool)


def hide_secrets(value: object) -> Any:
    """Return a value with asterisks where `find_secret` would find a secret, and within its texts.

    Args:
        value: settings, of no more levels than Python's stack holds.
    """
    return _hide_secrets(value, named=False)


def _hide_secrets(value: object, *, named: bool) -> Any:
    if isinstance(value, Mapping):
        hidden = {}
        for name, inner in value.items():
            hidden[name] = _hide_secrets(inner, named=_names_secret(str(name)))
        return hidden
    if isinstance(value, list | tuple):
        return [_hide_secrets(inner, named=named) for inner in value]
    if _is_secret(value, named=named):
        return HIDDEN
    return hide_secrets_in_text(value) if isinstance(value, str) else value


def hide_secrets_in_text(text: str) -> str:
    """Return a text with asterisks for what looks like a secret, or stands behind its name.

    Examples:
        >>> hide_secrets_in_text("Refused: api_key=abc, sk-0123456789.")
        'Refused: api_key=****, ****.'
    """
    text = PRIVATE_KEY.sub(HIDDEN, text)
    text = USER.sub(f"{HIDDEN}@", text)
    text = _hide_named(text)
    text = SCHEME.sub(lambda match: f"{match[1] or match[2]} {HIDDEN}", text)
    return WORD.sub(_hide_word, text)


def _hide_named(text: str) -> str:
    """Hide what stands behind a telling name: `name=value`, `name: value`, `"name": "value"`."""
    pieces = []
    end = 0
    for name in NAME.finditer(text):
        if name.start() < end or not (_names_secret(name[1]) or name[1].lower() == SIGNATURE):
            continue
        value = VALUE.match(text, name.end())
        if value is None or not _is_value(name, value[0]):
            continue
        pieces += [text[end : name.end()], HIDDEN]
        end = value.end()
    return "".join([*pieces, text[end:]])


def _is_value(name: re.Match[str], value: str) -> bool:
    """Whether this is what a name stands for: "unexpected token: end" goes on in words."""
    is_quoted = name[2] is not None
    return is_quoted or name[3] == "=" or len(value) >= LONG or any(map(str.isdigit, value))


def _hide_word(match: re.Match[str]) -> str:
    word = match[0].rstrip(ENDS_OF_SENTENCES)
    return HIDDEN + match[0][len(word) :] if SECRET_VALUE.fullmatch(word) else match[0]


def _names_secret(name: str) -> bool:
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if TOKENIZER.fullmatch(bare):
        return False
    return bare in SECRET_WORDS or bare.endswith(SECRET_ENDS)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def address(chosen: str, environment: Environment, variable: str, default: str) -> str:
    """Return the address to use: the chosen one, the environment's, the usual one.

    Raises:
        SetupError: there is none, or `check_address` refuses it.
    """
    url = chosen or environment.get(variable, "") or default
    if not url:
        raise SetupError("address.missing", variable=variable)
    check_address(url)
    return url


def check_address(url: str) -> None:
    """Refuse what no model is asked at, and what would keep a secret.

    Raises:
        SetupError: it is none of HTTP, or contains a user name, a password or a key.
    """
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of brackets and ports
        is_http = False
    if not is_http:
        raise SetupError("address.form")
    if parts.username or parts.password:
        raise SetupError("address.credentials")
    secret = find_secret(dict(parse_qsl(parts.query))) or find_secret(
        dict(parse_qsl(parts.fragment))
    )
    if secret:
        raise SetupError("address.key", secret=secret)


def key_for(url: str, environment: Environment, variable: str, trusted: tuple[str, ...]) -> str:
    """Return the key if `url` is of the same origin as one of the trusted addresses, else "".

    Args:
        url: where the key would be sent.
        environment: the variables.
        variable: the key's.
        trusted: addresses that the key belongs to.
    """
    origins = {_origin(base) for base in trusted if base}
    if _origin(url) not in origins:
        return ""
    return environment.get(variable, "")


def find_key(
    spec: ProviderSpec, url: str, environment: Environment, variable: str, trusted: tuple[str, ...]
) -> str:
    """Return the key that goes with a spec, "" where there is none.

    A configuration may name another variable than the service's own, and another address: both may
    come with a pull request. The operator's MODEL_KEYS says which key may go where besides.

    Args:
        spec: the model.
        url: where the key would be sent.
        environment: the variables.
        variable: that of the service's own key.
        trusted: addresses that the service's own key belongs to.

    Raises:
        SetupError: there is a key, and nobody has said that it may go there.
    """
    name = str(spec.settings.get(KEY_VARIABLE) or variable)
    usual = trusted if name == variable else ()
    key = key_for(url, environment, name, (*usual, *_list_declared(environment, name)))
    if key:
        return key
    scheme, host = _origin(url)
    origin = f"{scheme}://{host}"
    is_set = bool(environment.get(name))
    if name != variable and not is_set:
        raise SetupError("key.undeclared", name=name, setting=DECLARED, origin=origin)
    if is_set:
        raise SetupError("key.elsewhere", name=name, setting=DECLARED, origin=origin)
    return ""


def with_headers(spec: ProviderSpec, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a client with those that a configuration sets; none holds a key."""
    given = spec.settings.get("headers")
    own = {name.lower(): name for name in headers}
    changed = dict(headers)
    for name, value in given.items() if isinstance(given, Mapping) else ():
        # A header has one name, in whatever letters; the key's and the connection's stay ours.
        is_ours = _names_secret(str(name)) or str(name).lower() in CONNECTION
        if not is_ours:
            changed.pop(own.get(str(name).lower(), ""), None)
            changed[str(name)] = str(value)
    return changed


def _list_declared(environment: Environment, name: str) -> list[str]:
    """Return the origins that MODEL_KEYS declares for a variable."""
    origins = []
    for entry in environment.get(DECLARED, "").split(","):
        declared, _equals, origin = entry.partition("=")
        if declared.strip() == name:
            origins.append(origin.strip())
    return origins
