"""From the text of a variable to its value: one small parser a kind.

A parser returns the value, or raises `Refusal` without words ("it must be <allowed>") or with
its own. Nothing here knows files, other variables or the environment it runs in.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from autoforge.environment.errors import ConfigurationError, mask, quote_url, quote_value
from autoforge.environment.variables import Variable

__all__ = ["PARSERS", "Refusal", "Setting", "find_placeholder", "parse", "refuse"]

LONGEST_APP_NAME = 50
URL_KINDS = frozenset({"api_url", "database_url", "libsql_url", "redis_url"})
MAY_HOLD_A_SECRET = frozenset(
    {"age_recipients", "clerk_public", "langfuse_public"}
)  # by a slip of the hand
APP_ENVS = ("local", "staging", "production")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LANGUAGES = ("en", "ja")
SAMPLERS: Final = (
    *("always_on", "always_off", "traceidratio"),
    *("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
)
QUEUES = ("in-process", "sqlite", "redis")
JWT_ALGORITHMS = ("HS256", "HS384", "HS512")
ROLES = ("Viewer", "Editor", "Publisher", "Administrator")
BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
VARIABLE_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
SECRET_NAME = re.compile(r"key|token|secret|password|passwd|pwd|sig|auth|cred", re.IGNORECASE)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token of RFC 9110, 5.6.2
AGE_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")  # X25519, in Bech32's alphabet
HOST_NAME = re.compile(r"\.?(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")


class Refusal(Exception):
    """A value that is not allowed; `str()` says why where "it must be …" does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """The text of a variable, before it is parsed."""

    variable: Variable
    """The variable it belongs to."""
    text: str
    """Its text, as it stands there."""
    source: str
    """"process", "file", "secret file" or "default"."""
    origin: str
    """Where, in words: "from the environment", "from .env.local" …"""
    file: Path | None = None
    """The file that it stands in; None where it stands in none."""


def refuse(setting: Setting, why: str) -> ConfigurationError:
    """Return the error "NAME is VALUE (from PLACE): WHY", with a secret masked."""
    variable = setting.variable
    if variable.secret or variable.kind in MAY_HOLD_A_SECRET:
        value = mask(setting.text)
    elif variable.kind in URL_KINDS:
        value = quote_url(setting.text)
    else:
        value = quote_value(setting.text)
    sentence = f"{variable.name} is {value} ({setting.origin}): {why}"
    return ConfigurationError(sentence, variable.name)


def must_be(setting: Setting, remedy: str = "") -> ConfigurationError:
    """Return the error that says what the variable must be, and how to fix it."""
    variable = setting.variable
    if not remedy:
        remedy = "set another one"
        if variable.example:
            remedy = f"set {variable.name}={variable.example}"
    return refuse(setting, f"it must be {variable.allowed}; {remedy}.")


def parse(setting: Setting) -> Any:
    """Return the value of a setting.

    Raises:
        ConfigurationError: it is a placeholder, or not allowed.
    """
    variable = setting.variable
    placeholder = find_placeholder(setting.text, secret=variable.secret)
    if placeholder:
        raise refuse(
            setting,
            "it is a placeholder that was not replaced; "
            f"set {variable.name} to {variable.allowed}.",
        )
    text = setting.text
    if not variable.secret:  # the white space of a secret may be a slip: its parser refuses it
        text = text.strip()
    try:
        return PARSERS[variable.kind](text)
    except Refusal as refusal:
        raise must_be(setting, str(refusal)) from None


# --- Placeholders ---------------------------------------------------------------------------------

PLACEHOLDERS = re.compile(
    r"\$\{[^}]*\}"  # ${NAME}
    r"|\A\$[A-Za-z_]\w*\Z"  # $NAME, alone
    r"|\[[A-Za-z][\w .-]*\]"  # [your-org]; an IPv6 address has colons
    r"|<[^<>]+>"  # <token>
    r"|x{5,}",  # xxxxx
    re.IGNORECASE,
)
SECRET_PLACEHOLDERS = re.compile(
    r"\.\.\.|…|\Achange[-_ ]?me\Z|\Ayour[-_ ][\w -]*\Z",
    re.IGNORECASE,
)


def find_placeholder(text: str, *, secret: bool) -> str | None:
    """Return the first piece of `text` that stands for something else, or None."""
    match = PLACEHOLDERS.search(text)
    if match is None and secret:
        match = SECRET_PLACEHOLDERS.search(text)
    return None if match is None else match.group()


# --- Parsers --------------------------------------------------------------------------------------


def parse_text(text: str) -> str:
    """Return a short name on one line."""
    if not text or len(text) > LONGEST_APP_NAME or not text.isprintable():
        raise Refusal
    return text


def one_of(*choices: str, fold: Callable[[str], str] = str) -> Callable[[str], str]:
    """Return a parser of just these words; it names the nearest where one was meant."""

    def parser(text: str) -> str:
        word = fold(text)
        if word in choices:
            return word
        by_lower_case = {choice.lower(): choice for choice in choices}
        near = get_close_matches(text.lower(), by_lower_case, n=1)
        if not near:
            raise Refusal
        raise Refusal(f"did you mean {by_lower_case[near[0]]}")

    return parser


def parse_boolean(text: str) -> bool:
    """Return true for true, 1, yes and on, false for false, 0, no and off, in any case."""
    try:
        return BOOLEANS[text.lower()]
    except KeyError:
        raise Refusal from None


def integer(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers in ASCII digits from `least` to `most`."""

    def parser(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise Refusal
        return int(text)

    return parser


def is_host(text: str) -> bool:
    """Whether `text` is a host name or an IP address, IPv6 with or without brackets."""
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return HOST_NAME.fullmatch(text) is not None
    return True


def parse_host(text: str) -> str:
    """Return a host name or an IP address, IPv6 without brackets."""
    if not is_host(text) or text.startswith("."):
        raise Refusal
    return text.removeprefix("[").removesuffix("]")


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts between commas, without white space, empty ones left out."""
    parts = [part.strip() for part in text.split(",")]
    return tuple(part for part in parts if part)


def parse_hosts(text: str) -> tuple[str, ...]:
    """Return host names as Django's ALLOWED_HOSTS takes them: also `.example.com` and `*`."""
    hosts = split_list(text)
    for host in hosts:
        bare_ipv6 = ":" in host and not host.startswith("[")
        if host != "*" and (not is_host(host) or bare_ipv6):
            raise Refusal(f"correct {quote_value(host)}")
    return hosts


def parse_networks(text: str) -> tuple[str, ...]:
    """Return networks, host names and the words loopback and private."""
    entries = split_list(text)
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            if "/" in entry or not HOST_NAME.fullmatch(entry) or entry.startswith("."):
                raise Refusal(f"correct {quote_value(entry)}") from None
    return entries


def is_origin(text: str) -> bool:
    """Whether `text` is `http(s)://host` with a port or without, and nothing more."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or port == 0 or "@" in parts.netloc:
        return False
    # An origin is compared letter by letter with what a browser sends: no path, no final slash.
    if text != f"{parts.scheme}://{parts.netloc}":
        return False
    host = parts.hostname or ""
    return is_host(host.removeprefix("*."))


def parse_model_keys(text: str) -> tuple[tuple[str, str], ...]:
    """Return names of variables, each with an origin that its key may be sent to."""
    pairs = []
    for entry in split_list(text):
        name, _, origin = entry.partition("=")
        name, origin = name.strip(), origin.strip()
        if not VARIABLE_NAME.fullmatch(name) or "*" in origin or not is_origin(origin):
            raise Refusal(f"correct {quote_value(entry)}")
        pairs.append((name, origin))
    return tuple(pairs)


def parse_csrf_origins(text: str) -> tuple[str, ...]:
    """Return origins; `https://*.example.com` stands for every subdomain."""
    origins = split_list(text)
    for origin in origins:
        if not is_origin(origin):
            raise Refusal(f"correct {quote_value(origin)}")
    return origins


def parse_origins(text: str) -> tuple[str, ...]:
    """Return exact origins."""
    origins = split_list(text)
    for origin in origins:
        if "*" in origin or not is_origin(origin):
            raise Refusal(f"correct {quote_value(origin)}")
    return origins


def parse_clerk_roles(text: str) -> dict[str, str]:
    """Return role of an organization at Clerk, without org: before it → role here."""
    roles: dict[str, str] = {}
    for pair in split_list(text):
        theirs, _, ours = (part.strip() for part in pair.partition("="))
        theirs = theirs.removeprefix("org:")
        if not theirs or theirs in roles:
            raise Refusal(f"correct {quote_value(pair)}")
        if ours not in ROLES:
            raise Refusal(f"correct {quote_value(pair)}: roles are {', '.join(ROLES)}")
        roles[theirs] = ours
    return roles


def parse_cors_origins(text: str) -> tuple[str, ...]:
    """Return exact origins, or `*` alone for all."""
    origins = split_list(text)
    for origin in origins:
        if origin != "*" and ("*" in origin or not is_origin(origin)):
            raise Refusal(f"correct {quote_value(origin)}")
    if "*" in origins and len(origins) > 1:
        raise Refusal("keep either * or the others")
    return origins


def parse_time_zone(text: str) -> str:
    """Return the name of a time zone that this machine knows."""
    if text not in available_timezones():
        near = get_close_matches(text, available_timezones(), n=1)
        if not near:
            raise Refusal
        raise Refusal(f"did you mean {near[0]}")
    return ZoneInfo(text).key


def parse_secret(text: str) -> str:
    """Return a secret of visible characters."""
    # isprintable() is true of the blank alone among white space.
    if " " in text or not text.isprintable():
        raise Refusal("remove the white space or control characters")
    return text


def starts_with(*prefixes: str, instead: dict[str, str]) -> Callable[[str], str]:
    """Return a parser of keys with one of these prefixes; `instead` says whose another one is."""

    def parser(text: str) -> str:
        for prefix, owner in instead.items():
            if text.startswith(prefix):
                raise Refusal(f"a key that starts with {prefix} belongs in {owner}")
        if not text.startswith(prefixes) or text in prefixes:
            raise Refusal
        return parse_secret(text)

    return parser


def parse_ratio(text: str) -> float:
    """Return a number from 0 to 1 in decimal digits."""
    if not re.fullmatch(r"[0-9]{0,3}\.?[0-9]{1,10}", text) or not 0 <= float(text) <= 1:
        raise Refusal
    return float(text)


def parse_sentry_dsn(text: str) -> str:
    """Return the address of a project at Sentry: http(s)://key@host[/path]/number."""
    parse_secret(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Refusal from None
    project = parts.path.rpartition("/")[2]
    is_complete = parts.scheme in {"http", "https"} and parts.hostname and parts.username
    if not is_complete or not project.isdigit() or port == 0 or parts.query or parts.fragment:
        raise Refusal
    return text


def parse_url(text: str) -> str:
    """Return the text; `databases` and `caches` take it apart."""
    return text


def parse_api_url(text: str) -> str:
    """Return the address of an HTTP API, without user name, password or key.

    A query is a part of some addresses, such as `?api-version=…` of Azure.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise Refusal
    for name, _value in parse_qsl(parts.query, keep_blank_values=True):
        if SECRET_NAME.search(name):  # a key in a URL ends up in logs
            raise Refusal
    return text.rstrip("/")


def parse_otlp_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Return names and values of HTTP headers, as OpenTelemetry writes them: a=1,b=2%2C3."""
    headers = []
    for entry in split_list(text):
        name, _, value = entry.partition("=")
        name, value = name.strip(), unquote(value.strip())
        is_value = bool(value) and value.isascii() and value.isprintable()
        if not HEADER_NAME.fullmatch(name) or not is_value:
            raise Refusal
        headers.append((name, value))
    return tuple(headers)


def parse_backup_target(text: str) -> str:
    """Return a folder for backups: a path that ends with a slash, or s3://bucket/folder/."""
    scheme, separator, rest = text.partition("://")
    is_place = not separator or (scheme == "s3" and not rest.startswith("/"))
    if not text.isprintable() or not text.endswith("/") or not is_place:
        raise Refusal
    return text


def parse_file_path(text: str) -> str:
    """Return the path of a file; a folder's has a slash at its end, and a URL's two inside."""
    if not text.isprintable() or text.endswith("/") or "://" in text:
        raise Refusal
    return text


def parse_age_recipients(text: str) -> tuple[str, ...]:
    """Return the public keys of age."""
    recipients = split_list(text)
    for recipient in recipients:
        if recipient.upper().startswith("AGE-SECRET-KEY"):
            raise Refusal("it is a secret key; use its public key")
        if not AGE_RECIPIENT.fullmatch(recipient):
            raise Refusal  # it is not repeated: it may be a secret key with a slip
    return recipients


PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "age_recipients": parse_age_recipients,
    "api_url": parse_api_url,
    "app_env": one_of(*APP_ENVS),
    "backup_count": integer(1, 1000),
    "backup_hours": integer(0, 31 * 24),
    "backup_target": parse_backup_target,
    "boolean": parse_boolean,
    "clerk_public": starts_with("pk_test_", "pk_live_", instead={"sk_": "CLERK_SECRET_KEY"}),
    "clerk_roles": parse_clerk_roles,
    "clerk_secret": starts_with("sk_test_", "sk_live_", instead={"pk_": "CLERK_PUBLIC_KEY"}),
    "cors_origins": parse_cors_origins,
    "csrf_origins": parse_csrf_origins,
    "database_url": parse_url,
    "days": integer(0, 3650),
    "file_path": parse_file_path,
    "host": parse_host,
    "hosts": parse_hosts,
    "jwt_algorithm": one_of(*JWT_ALGORITHMS),
    "kept_days": integer(1, 3650),
    "langfuse_public": starts_with("pk-lf-", instead={"sk-lf-": "LANGFUSE_SECRET_KEY"}),
    "langfuse_secret": starts_with("sk-lf-", instead={"pk-lf-": "LANGFUSE_PUBLIC_KEY"}),
    "language": one_of(*LANGUAGES),
    "libsql_url": parse_url,
    "log_level": one_of(*LOG_LEVELS, fold=str.upper),
    "minutes": integer(1, 7 * 24 * 60),
    "model_keys": parse_model_keys,
    "networks": parse_networks,
    "origins": parse_origins,
    "otlp_headers": parse_otlp_headers,
    "password": str,
    "port": integer(1, 65535),
    "proxies": integer(0, 10),
    "queue": one_of(*QUEUES),
    "ratio": parse_ratio,
    "redis_db": integer(0, 15),
    "redis_url": parse_url,
    "role": one_of(*ROLES),
    "sentry_dsn": parse_sentry_dsn,
    "sampler": one_of(*SAMPLERS),
    "seconds": integer(1, 365 * 24 * 60 * 60),
    "secret": parse_secret,
    "text": parse_text,
    "time_zone": parse_time_zone,
}
