"""The environment as a table: variables → what comes out, or the exact refusal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoforge.environment import VARIABLES, ConfigurationError, Environment, load
from autoforge.environment.layers import open_layers
from autoforge.environment.reading import list_problems

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-" * 15
JWT = "jwt-" * 9
LIVE = {"SECRET_KEY": KEY, "DATABASE_URL": "sqlite:////srv/a.db"}
STAGING = {"APP_ENV": "staging", **LIVE}
PRODUCTION = {"APP_ENV": "production", **LIVE}
LIBSQL = "django_hrana"
SQLITE = "core.sqlite"


def read(tmp_path: Path, variables: dict[str, str], files: dict[str, str] | None = None):
    for name, text in (files or {}).items():
        (tmp_path / name).write_bytes(text.encode())
    return load(variables, tmp_path)


def database(environment: Environment) -> tuple[str, str, dict]:
    entry = environment.databases["default"]
    options = {key: value for key, value in entry["OPTIONS"].items() if key == "auth_token"}
    return entry["ENGINE"], entry["NAME"], options


RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
GOOD = [
    ({"BACKUP_TO": "data/backups/"}, "backup_to", "data/backups/"),
    ({"BACKUP_TO": "s3://bucket/team/"}, "backup_to", "s3://bucket/team/"),
    ({}, "backup_to", None),
    ({}, "backup_every_hours", 0),
    ({"BACKUP_EVERY_HOURS": "24"}, "backup_every_hours", 24),
    ({}, "backup_keep", 14),
    ({}, "backup_age_recipients", ()),
    ({"BACKUP_AGE_RECIPIENTS": RECIPIENT}, "backup_age_recipients", (RECIPIENT,)),
    ({}, "app_env", "local"),
    ({"APP_ENV": ""}, "app_env", "local"),
    ({"APP_ENV": "local"}, "app_env", "local"),
    (STAGING, "app_env", "staging"),
    (PRODUCTION, "app_env", "production"),
    ({}, "debug", True),
    (PRODUCTION, "debug", False),
    *(({"DEBUG": text}, "debug", True) for text in ("true", "1", "YES", "on")),
    *(({"DEBUG": text}, "debug", False) for text in ("False", "0", "no", " off ")),
    ({"LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
    ({"HOST": "0.0.0.0"}, "host", "0.0.0.0"),
    ({"HOST": "[::1]"}, "host", "::1"),
    ({"PORT": "1"}, "port", 1),
    ({"PORT": "65535"}, "port", 65535),
    ({}, "allowed_hosts", ("localhost", "127.0.0.1", "[::1]")),
    (PRODUCTION, "allowed_hosts", ()),
    ({"ALLOWED_HOSTS": "a.io, .b.io,,*"}, "allowed_hosts", ("a.io", ".b.io", "*")),
    ({"ALLOWED_HOSTS": "[::1],10.0.0.1"}, "allowed_hosts", ("[::1]", "10.0.0.1")),
    (
        {"CSRF_TRUSTED_ORIGINS": "https://*.a.io,http://b:8000"},
        "csrf_trusted_origins",
        ("https://*.a.io", "http://b:8000"),
    ),
    ({"CORS_ORIGINS": "https://a.io"}, "cors_origins", ("https://a.io",)),
    ({"CORS_ORIGINS": "*"}, "cors_origins", ("*",)),
    ({"CORS_CREDENTIALS": "true"}, "cors_credentials", True),
    ({"TRUSTED_PROXIES": "2"}, "trusted_proxies", 2),
    ({}, "trusted_proxies", 0),
    ({"LANGUAGE_CODE": "ja"}, "language_code", "ja"),
    ({"TIME_ZONE": "Asia/Tokyo"}, "time_zone", "Asia/Tokyo"),
    ({"APP_NAME": "評価"}, "app_name", "評価"),
    ({"REDIS_CACHE_TTL": "60"}, "redis_cache_ttl_seconds", 60),
    ({"JWT_ALGORITHM": "HS512"}, "jwt_algorithm", "HS512"),
    ({"JWT_ACCESS_TOKEN_EXPIRE_MINUTES": "10080"}, "jwt_access_token_expire_minutes", 10080),
    (PRODUCTION, "jwt_secret_key", None),
    (PRODUCTION | {"JWT_SECRET_KEY": JWT}, "jwt_secret_key", JWT),
    ({"CLERK_PUBLIC_KEY": "pk_test_abc"}, "clerk_public_key", "pk_test_abc"),
    ({"CLERK_PUBLISHABLE_KEY": "pk_live_abc"}, "clerk_public_key", "pk_live_abc"),
    ({"CLERK_SECRET_KEY": "sk_live_abc"}, "clerk_secret_key", "sk_live_abc"),
    ({}, "clerk_authorized_parties", ()),
    ({"CORS_ORIGINS": "https://a.io"}, "clerk_authorized_parties", ("https://a.io",)),
    ({"CORS_ORIGINS": "*"}, "clerk_authorized_parties", ()),
    (
        {"CORS_ORIGINS": "*", "CLERK_AUTHORIZED_PARTIES": "https://a.io, http://localhost:3000,"},
        "clerk_authorized_parties",
        ("https://a.io", "http://localhost:3000"),
    ),
    (
        {},
        "clerk_roles",
        {
            "admin": "Administrator",
            "publisher": "Publisher",
            "editor": "Editor",
            "member": "Editor",
            "viewer": "Viewer",
        },
    ),
    (
        {"CLERK_ROLES": "org:boss=Administrator, member = Viewer,"},
        "clerk_roles",
        {"boss": "Administrator", "member": "Viewer"},
    ),
    ({}, "clerk_default_role", None),
    ({"CLERK_DEFAULT_ROLE": "Viewer"}, "clerk_default_role", "Viewer"),
    ({"OPENAI_API_KEY": "sk-proj-1"}, "openai_api_key", "sk-proj-1"),
    ({"ANTHROPIC_API_KEY": "sk-ant-1"}, "anthropic_api_key", "sk-ant-1"),
    ({"OPENAI_BASE_URL": "http://h:1/v1/"}, "openai_base_url", "http://h:1/v1"),
    (
        {"OPENAI_BASE_URL": "http://h/x?api-version=1"},
        "openai_base_url",
        "http://h/x?api-version=1",
    ),
    ({}, "model_allowed_networks", ("loopback", "private")),
    (STAGING, "model_allowed_networks", ()),
    (
        {"MODEL_ALLOWED_NETWORKS": "10.0.0.1/8, ollama.internal,fd00::/8,,private"},
        "model_allowed_networks",
        ("10.0.0.1/8", "ollama.internal", "fd00::/8", "private"),
    ),
    ({}, "model_keys", ()),
    (
        {"MODEL_KEYS": "TEAM_KEY=https://llm.example.com, B=http://127.0.0.1:8000"},
        "model_keys",
        (("TEAM_KEY", "https://llm.example.com"), ("B", "http://127.0.0.1:8000")),
    ),
    ({}, "queue", "in-process"),
    ({"REDIS_URL": "redis://r"}, "queue", "in-process"),
    ({"QUEUE": "sqlite"}, "queue", "sqlite"),
    ({"QUEUE": "redis", "REDIS_URL": "redis://r"}, "queue", "redis"),
    (STAGING, "queue", "sqlite"),
    (STAGING | {"REDIS_URL": "redis://r"}, "queue", "redis"),
    (STAGING | {"REDIS_URL": "redis://r", "QUEUE": "in-process"}, "queue", "in-process"),
    (
        {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"},
        "langfuse_secret_key",
        "sk-lf-1",
    ),
    ({}, "langfuse_host", None),
    ({"LANGFUSE_HOST": "https://l.example.com/"}, "langfuse_host", "https://l.example.com"),
    ({"LANGFUSE_BASE_URL": "https://l.example.com"}, "langfuse_host", "https://l.example.com"),
    ({}, "otel_exporter_otlp_endpoint", None),
    ({}, "otel_exporter_otlp_headers", ()),
    (
        {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x=%2C=1,,"},
        "otel_exporter_otlp_headers",
        (("api-key", "a b"), ("x", ",=1")),
    ),
    ({}, "otel_service_name", "autoforge"),
    ({}, "trace_messages", False),
    ({"TRACE_MESSAGES": "true"}, "trace_messages", True),
    ({}, "redis_url", None),
    ({"REDIS_PORT": "7"}, "redis_url", None),
    ({"REDIS_HOST": "r"}, "redis_url", "redis://r:6379/0"),
    ({"REDIS_HOST": "::1", "REDIS_DB": "2"}, "redis_url", "redis://[::1]:6379/2"),
    (
        {"REDIS_HOST": "r", "REDIS_PORT": "7", "REDIS_PASSWORD": "p@s/s"},
        "redis_url",
        "redis://:p%40s%2Fs@r:7/0",
    ),
    ({"REDIS_URL": "redis://r"}, "redis_url", "redis://r/0"),
    ({"REDIS_URL": "rediss://u:p@r:1/3"}, "redis_url", "rediss://u:p@r:1/3"),
    ({"REDIS_URL": "unix:///run/redis.sock"}, "redis_url", "unix:///run/redis.sock"),
    ({"REDIS_URL": "redis://r/1", "REDIS_HOST": "r"}, "redis_url", "redis://r/1"),
    ({"REDIS_URL": "redis://r", "REDIS_PASSWORD": "pw"}, "redis_url", "redis://:pw@r/0"),
    ({"REDIS_URL": "redis://u@r", "REDIS_PASSWORD": "pw"}, "redis_url", "redis://u:pw@r/0"),
    ({"REDIS_URL": "redis://:pw@r/0", "REDIS_PASSWORD": "pw"}, "redis_url", "redis://:pw@r/0"),
]


@pytest.mark.parametrize(("variables", "field", "value"), GOOD)
def test_what_is_allowed_comes_out_typed(tmp_path, variables, field, value):
    found = getattr(read(tmp_path, variables), field)
    assert found == value
    assert type(found) is type(value)


TURSO = {"APP_ENV": "production", "SECRET_KEY": KEY}
DATABASES = [
    ({}, SQLITE, "{root}/data/autoforge_dev.db", {}),
    ({"DATABASE_URL": "sqlite:///x/../y.db"}, SQLITE, "{root}/y.db", {}),
    ({"DATABASE_URL": "sqlite:////abs/a%20b.db"}, SQLITE, "/abs/a b.db", {}),
    ({"DATABASE_URL": "sqlite://:memory:"}, SQLITE, ":memory:", {}),
    ({"DATABASE_URL": "sqlite:///:memory:"}, SQLITE, ":memory:", {}),
    ({"DATABASE_URL": "libsql://db-acme.turso.io"}, LIBSQL, "libsql://db-acme.turso.io", {}),
    ({"DATABASE_URL": "http://127.0.0.1:8080/"}, LIBSQL, "http://127.0.0.1:8080", {}),
    (
        {"DATABASE_URL": "https://h.io?authToken=a%2Bb"},
        LIBSQL,
        "https://h.io",
        {"auth_token": "a+b"},
    ),
    (
        {
            "APP_ENV": "staging",
            "SECRET_KEY": KEY,
            "TURSO_STAGING_DATABASE_URL": "libsql://s.io",
            "TURSO_STAGING_AUTH_TOKEN": "tok",
            "DATABASE_URL": "sqlite:///unused.db",
        },
        LIBSQL,
        "libsql://s.io",
        {"auth_token": "tok"},
    ),
    (
        TURSO | {"TURSO_DATABASE_URL": "libsql://p.io", "TURSO_AUTH_TOKEN": "tok"},
        LIBSQL,
        "libsql://p.io",
        {"auth_token": "tok"},
    ),
    (
        TURSO | {"DATABASE_URL": "libsql://p.io", "TURSO_AUTH_TOKEN": "tok"},
        LIBSQL,
        "libsql://p.io",
        {"auth_token": "tok"},
    ),
    (TURSO | {"TURSO_DATABASE_URL": "http://localhost:1"}, LIBSQL, "http://localhost:1", {}),
    (
        TURSO | {"TURSO_DATABASE_URL": "libsql://p.io?authToken=t", "TURSO_AUTH_TOKEN": "t"},
        LIBSQL,
        "libsql://p.io",
        {"auth_token": "t"},
    ),
]


@pytest.mark.parametrize(("variables", "engine", "name", "options"), DATABASES)
def test_a_url_becomes_a_database(tmp_path, variables, engine, name, options):
    expected = (engine, name.format(root=tmp_path), options)
    assert database(read(tmp_path, variables)) == expected


INT = "it must be an integer from 1 to 65535"
HOSTS = "it must be comma-separated host names without scheme, port or path"
BAD = [
    *(
        (
            {"BACKUP_TO": text},
            f"BACKUP_TO is '{text}' (from the environment): it must be a folder such as "
            "data/backups/, or s3://bucket/folder/; set BACKUP_TO=data/backups/.",
        )
        for text in ("data/backups", "ftp://host/", "s3:///key/")
    ),
    (
        {"BACKUP_KEEP": "0"},
        "BACKUP_KEEP is '0' (from the environment): it must be an integer from 1 to 1000; set "
        "BACKUP_KEEP=14.",
    ),
    (
        {"BACKUP_AGE_RECIPIENTS": "age1x"},
        "BACKUP_AGE_RECIPIENTS is **** (5 characters) (from the environment): it must be "
        "comma-separated age recipients that begin with age1; set BACKUP_AGE_RECIPIENTS="
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p.",
    ),
    (
        {"BACKUP_AGE_RECIPIENTS": "AGE-SECRET-KEY-1QQQ"},
        "BACKUP_AGE_RECIPIENTS is **** (19 characters) (from the environment): it must be "
        "comma-separated age recipients that begin with age1; it is a secret key; use its public "
        "key.",
    ),
    (
        {"APP_ENV": "prodution"},
        "APP_ENV is 'prodution' (from the environment): it must be local, staging or production; "
        "did you mean production.",
    ),
    (
        {"APP_ENV": "Staging"},
        "APP_ENV is 'Staging' (from the environment): it must be local, staging or production; "
        "did you mean staging.",
    ),
    (
        {"DEBUG": "maybe"},
        "DEBUG is 'maybe' (from the environment): it must be true or false; set DEBUG=false.",
    ),
    *(
        ({"PORT": text}, f"PORT is {text!r} (from the environment): {INT}; set PORT=8000.")
        for text in ("abc", "0", "65536", "-1", "8e3", "１２", "1_0", "99999999999")
    ),
    (
        {"REDIS_HOST": "r", "REDIS_PORT": "0"},
        f"REDIS_PORT is '0' (from the environment): {INT}; set REDIS_PORT=6379.",
    ),
    (
        {"REDIS_DB": "16"},
        "REDIS_DB is '16' (from the environment): it must be an integer from 0 to 15; "
        "set REDIS_DB=0.",
    ),
    (
        {"REDIS_CACHE_TTL": "0"},
        "REDIS_CACHE_TTL is '0' (from the environment): it must be an integer (seconds) from 1 "
        "to 31536000; set REDIS_CACHE_TTL=3600.",
    ),
    (
        {"LOG_LEVEL": "WARN"},
        "LOG_LEVEL is 'WARN' (from the environment): it must be DEBUG, INFO, WARNING, ERROR or "
        "CRITICAL; did you mean WARNING.",
    ),
    (
        {"HOST": "http://x"},
        "HOST is 'http://x' (from the environment): it must be a host name or an IP address; "
        "set HOST=127.0.0.1.",
    ),
    (
        {"ALLOWED_HOSTS": "a.io,https://b.io"},
        f"ALLOWED_HOSTS is 'a.io,https://b.io' (from the environment): {HOSTS}; "
        "correct 'https://b.io'.",
    ),
    (
        {"ALLOWED_HOSTS": "a.io:8000"},
        f"ALLOWED_HOSTS is 'a.io:8000' (from the environment): {HOSTS}; correct 'a.io:8000'.",
    ),
    (
        {"CSRF_TRUSTED_ORIGINS": "a.io"},
        "CSRF_TRUSTED_ORIGINS is 'a.io' (from the environment): it must be comma-separated "
        "origins such as https://autoforge.example.com; correct 'a.io'.",
    ),
    *(
        (
            {"MODEL_ALLOWED_NETWORKS": f"private,{entry}"},
            f"MODEL_ALLOWED_NETWORKS is 'private,{entry}' (from the environment): it must be "
            "comma-separated networks such as 10.0.0.0/8, host names, loopback or private; "
            f"correct '{entry}'.",
        )
        for entry in ("10.0.0.0/99", "a b", ".inside", "http://h")
    ),
    *(
        (
            {"MODEL_KEYS": f"A=https://a.example,{entry}"},
            f"MODEL_KEYS is 'A=https://a.example,{entry}' (from the environment): it must be "
            "comma-separated pairs such as TEAM_KEY=https://llm.example.com; correct "
            f"'{entry}'.",
        )
        for entry in ("B", "b=https://b.example", "B=b.example", "B=https://*.example")
    ),
    *(
        (
            {"OPENAI_BASE_URL": url},
            f"OPENAI_BASE_URL is '{shown}' (from the environment): it must be a URL such as "
            "https://api.openai.com/v1; set OPENAI_BASE_URL=https://api.openai.com/v1.",
        )
        for url, shown in (
            ("http://h/v1?api_key=1", "http://h/v1"),
            ("http://h/v1?Sig=1", "http://h/v1"),
            ("ftp://h", "ftp://h"),
            ("http://u@h", "http://h"),
        )
    ),
    (
        {"CORS_ORIGINS": "https://a.io/path"},
        "CORS_ORIGINS is 'https://a.io/path' (from the environment): it must be comma-separated "
        "origins such as https://app.example.com, or *; correct 'https://a.io/path'.",
    ),
    (
        {"CORS_ORIGINS": "*,https://a.io"},
        "CORS_ORIGINS is '*,https://a.io' (from the environment): it must be comma-separated "
        "origins such as https://app.example.com, or *; keep either * or the others.",
    ),
    (
        {"CORS_ORIGINS": "https://[bad"},
        "CORS_ORIGINS is 'https://[bad' (from the environment): it must be comma-separated "
        "origins such as https://app.example.com, or *; correct 'https://[bad'.",
    ),
    (
        {"CORS_ORIGINS": "*", "CORS_CREDENTIALS": "true"},
        "CORS_ORIGINS is '*' (from the environment): with CORS_CREDENTIALS=true, each origin "
        "must be listed; list them, or set CORS_CREDENTIALS=false.",
    ),
    (
        {"TRUSTED_PROXIES": "11"},
        "TRUSTED_PROXIES is '11' (from the environment): it must be an integer from 0 to 10; "
        "set TRUSTED_PROXIES=1.",
    ),
    (
        {"LANGUAGE_CODE": "jp"},
        "LANGUAGE_CODE is 'jp' (from the environment): it must be en or ja; set LANGUAGE_CODE=ja.",
    ),
    (
        {"TIME_ZONE": "Asia/Tokio"},
        "TIME_ZONE is 'Asia/Tokio' (from the environment): it must be an IANA time zone such as "
        "Asia/Tokyo; did you mean Asia/Tokyo.",
    ),
    (
        {"TIME_ZONE": "qqqqqq"},
        "TIME_ZONE is 'qqqqqq' (from the environment): it must be an IANA time zone such as "
        "Asia/Tokyo; set TIME_ZONE=Asia/Tokyo.",
    ),
    (
        {"APP_NAME": "a" * 51},
        f"APP_NAME is '{'a' * 51}' (from the environment): it must be a name of 1 to 50 "
        "characters; set APP_NAME=AutoForge.",
    ),
    (
        {"JWT_ALGORITHM": "none"},
        "JWT_ALGORITHM is 'none' (from the environment): it must be HS256, HS384 or HS512; "
        "set JWT_ALGORITHM=HS256.",
    ),
    (
        {"JWT_ACCESS_TOKEN_EXPIRE_MINUTES": "-5"},
        "JWT_ACCESS_TOKEN_EXPIRE_MINUTES is '-5' (from the environment): it must be an integer "
        "(minutes) from 1 to 10080; set JWT_ACCESS_TOKEN_EXPIRE_MINUTES=30.",
    ),
    (
        {"OPENAI_API_KEY": "sk two"},
        "OPENAI_API_KEY is **** (6 characters) (from the environment): it must be an OpenAI API "
        "key; remove the white space or control characters.",
    ),
    (
        {"CLERK_PUBLIC_KEY": "sk_live_topsecret"},
        "CLERK_PUBLIC_KEY is **** (17 characters) (from the environment): it must be a key that "
        "starts with pk_test_ or pk_live_; a key that starts with sk_ belongs in CLERK_SECRET_KEY.",
    ),
    (
        {"CLERK_AUTHORIZED_PARTIES": "https://*.a.io"},
        "CLERK_AUTHORIZED_PARTIES is 'https://*.a.io' (from the environment): it must be "
        "comma-separated origins such as https://app.example.com; correct 'https://*.a.io'.",
    ),
    (
        {"CLERK_AUTHORIZED_PARTIES": "https://a.io,b.io"},
        "CLERK_AUTHORIZED_PARTIES is 'https://a.io,b.io' (from the environment): it must be "
        "comma-separated origins such as https://app.example.com; correct 'b.io'.",
    ),
    (
        {"CLERK_ROLES": "admin=Administrator,admin=Viewer"},
        "CLERK_ROLES is 'admin=Administrator,admin=Viewer' (from the environment): it must be "
        "comma-separated pairs such as admin=Administrator,member=Viewer; correct 'admin=Viewer'.",
    ),
    (
        {"CLERK_ROLES": "=Viewer"},
        "CLERK_ROLES is '=Viewer' (from the environment): it must be comma-separated pairs such as "
        "admin=Administrator,member=Viewer; correct '=Viewer'.",
    ),
    (
        {"CLERK_ROLES": "admin=Root"},
        "CLERK_ROLES is 'admin=Root' (from the environment): it must be comma-separated pairs such "
        "as admin=Administrator,member=Viewer; correct 'admin=Root': roles are Viewer, Editor, "
        "Publisher, Administrator.",
    ),
    (
        {"CLERK_DEFAULT_ROLE": "viewer"},
        "CLERK_DEFAULT_ROLE is 'viewer' (from the environment): it must be Viewer, Editor, "
        "Publisher or Administrator; did you mean Viewer.",
    ),
    (
        {"CLERK_SECRET_KEY": "abc"},
        "CLERK_SECRET_KEY is **** (3 characters) (from the environment): it must be a key that "
        "starts with sk_test_ or sk_live_; set another one.",
    ),
    (
        {"CLERK_PUBLIC_KEY": "pk_test_a", "CLERK_PUBLISHABLE_KEY": "pk_test_b"},
        "CLERK_PUBLIC_KEY and CLERK_PUBLISHABLE_KEY are both set (from the environment) and mean "
        "the same; keep one of them.",
    ),
    (
        {"LANGFUSE_SECRET_KEY": "sk-lf-1"},
        "LANGFUSE_SECRET_KEY is set and LANGFUSE_PUBLIC_KEY is not: Langfuse needs both; set "
        "LANGFUSE_PUBLIC_KEY, or remove LANGFUSE_SECRET_KEY.",
    ),
    *(
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": text},
            f"OTEL_EXPORTER_OTLP_HEADERS is **** ({len(text)} characters) (from the environment): "
            "it must be comma-separated headers such as api-key=value, percent-encoded; set "
            "another one.",
        )
        for text in ("api-key", "=value", "a b=value", "api-key=", "a=b%0D%0Ac: d", "a=%C3%A9")
    ),
    (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://c:4317"},
        "OTEL_EXPORTER_OTLP_ENDPOINT is 'grpc://c:4317' (from the environment): it must be a URL "
        "such as http://127.0.0.1:4318; set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318.",
    ),
    # Placeholders
    *(
        (
            {"TURSO_AUTH_TOKEN": text},
            f"TURSO_AUTH_TOKEN is **** ({len(text)} characters) (from the environment): it is a "
            "placeholder that was not replaced; set TURSO_AUTH_TOKEN to the token that "
            "`manage.py turso token create` makes.",
        )
        for text in ("${TOKEN}", "$TOKEN", "<token>", "xxxxx", "eyJ...", "eyJ…", "change-me")
    ),
    (
        {"DATABASE_URL": "libsql://db-[your-org].turso.io"},
        "DATABASE_URL is 'libsql://db-[your-org].turso.io' (from the environment): it is a "
        "placeholder that was not replaced; set DATABASE_URL to sqlite:///path, "
        "sqlite:////absolute/path, sqlite://:memory:, libsql://host, https://host or http://host.",
    ),
    # Databases
    (
        {"DATABASE_URL": "sqlite://x.db"},
        "DATABASE_URL is 'sqlite://x.db' (from the environment): a SQLite file needs three "
        "slashes before its path; set DATABASE_URL=sqlite:///x.db.",
    ),
    (
        {"DATABASE_URL": "sqlite:///x.db?mode=ro"},
        "DATABASE_URL is 'sqlite:///x.db' (from the environment): a SQLite URL has no ?… or #…; "
        "write these characters as %3F and %23.",
    ),
    (
        {"DATABASE_URL": "sqlite:///"},
        "DATABASE_URL is 'sqlite:///' (from the environment): it is a folder, not a file; set "
        "DATABASE_URL=sqlite:///./data/autoforge_dev.db.",
    ),
    (
        {"DATABASE_URL": "postgres://user:hush@h/db"},
        "DATABASE_URL is 'postgres://h/db' (from the environment): it must be sqlite:///path, "
        "sqlite:////absolute/path, sqlite://:memory:, libsql://host, https://host or http://host; "
        "set DATABASE_URL=sqlite:///./data/autoforge_dev.db.",
    ),
    (
        {"DATABASE_URL": "libsql://"},
        "DATABASE_URL is 'libsql://' (from the environment): it has no valid host; "
        "write libsql://host or http://host:8080.",
    ),
    (
        {"DATABASE_URL": "http://h:99999"},
        "DATABASE_URL is 'http://h:99999' (from the environment): its host or port is not valid; "
        "write libsql://host or http://host:8080.",
    ),
    (
        {"DATABASE_URL": "libsql://user:hush@h.io"},
        "DATABASE_URL is 'libsql://h.io' (from the environment): it contains a user name or "
        "password, which libSQL does not support; use a token.",
    ),
    (
        {"DATABASE_URL": "libsql://h.io?tls=0"},
        "DATABASE_URL is 'libsql://h.io' (from the environment): the only parameter allowed is "
        "?authToken=; remove the others.",
    ),
    (
        {"DATABASE_URL": "libsql://h.io?authToken=a%20b"},
        "DATABASE_URL is 'libsql://h.io' (from the environment): its authToken contains white "
        "space; copy the token again.",
    ),
    (
        TURSO,
        "TURSO_DATABASE_URL is not set: production needs a database. Set it to libsql://host "
        "with TURSO_AUTH_TOKEN, or set DATABASE_URL.",
    ),
    (
        TURSO | {"TURSO_DATABASE_URL": "sqlite:///x.db"},
        "TURSO_DATABASE_URL is 'sqlite:///x.db' (from the environment): it must be libsql://host, "
        "https://host or http://host; set TURSO_DATABASE_URL=libsql://autoforge.turso.io.",
    ),
    (
        TURSO | {"TURSO_DATABASE_URL": "libsql://p.io"},
        "TURSO_DATABASE_URL is 'libsql://p.io' (from the environment): a remote libSQL server "
        "requires a token in production; set TURSO_AUTH_TOKEN as well.",
    ),
    (
        STAGING | {"TURSO_STAGING_DATABASE_URL": "https://10.0.0.1"},
        "TURSO_STAGING_DATABASE_URL is 'https://10.0.0.1' (from the environment): a remote "
        "libSQL server requires a token in staging; set TURSO_STAGING_AUTH_TOKEN as well.",
    ),
    (
        TURSO | {"TURSO_DATABASE_URL": "libsql://p.io?authToken=a", "TURSO_AUTH_TOKEN": "b"},
        "TURSO_DATABASE_URL is 'libsql://p.io' (from the environment): its authToken differs "
        "from TURSO_AUTH_TOKEN; keep one of them.",
    ),
    # Redis
    (
        {"REDIS_URL": "http://r"},
        "REDIS_URL is 'http://r' (from the environment): it must be redis://host:port/db, "
        "rediss://host:port/db or unix:///path; set REDIS_URL=redis://127.0.0.1:6379/0.",
    ),
    (
        {"REDIS_URL": "redis://:hush@r:x"},
        "REDIS_URL is 'redis://r:x' (from the environment): it must be redis://host:port/db, "
        "rediss://host:port/db or unix:///path; set REDIS_URL=redis://127.0.0.1:6379/0.",
    ),
    (
        {"REDIS_URL": "redis://a", "REDIS_HOST": "b"},
        "REDIS_URL is 'redis://a' (from the environment): REDIS_HOST is a different server (b); "
        "keep one of them.",
    ),
    (
        {"REDIS_URL": "redis://:hush@a", "REDIS_PASSWORD": "other"},
        "REDIS_URL is 'redis://a' (from the environment): its password differs from "
        "REDIS_PASSWORD; keep one of them.",
    ),
    # Staging and production
    (
        PRODUCTION | {"DEBUG": "true"},
        "DEBUG is 'true' (from the environment): production must not show tracebacks; "
        "set DEBUG=false or remove it.",
    ),
]
HOW = "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'` generates one"
INSECURE = "django-insecure-" + "a1" * 30
API = "it must be a URL such as https://api.openai.com/v1; "
BAD += [
    *(
        (
            {"OPENAI_BASE_URL": address},
            f"OPENAI_BASE_URL is '{shown}' (from the environment): {API}"
            "set OPENAI_BASE_URL=https://api.openai.com/v1.",
        )
        for address, shown in (
            ("ftp://host", "ftp://host"),
            ("https://", "https://"),
            ("https://me:hush@host/v1", "https://host/v1"),
            ("https://host/v1?key=hush", "https://host/v1"),
        )
    ),
    (
        {"QUEUE": "rabbit"},
        "QUEUE is 'rabbit' (from the environment): it must be in-process, sqlite or redis; "
        "set QUEUE=in-process.",
    ),
    (
        {"QUEUE": "redis"},
        "QUEUE is 'redis' (from the environment): Redis is not configured; set REDIS_URL, or "
        "QUEUE=sqlite.",
    ),
    (
        {"APP_ENV": "staging", "DATABASE_URL": "sqlite:////a.db"},
        f"SECRET_KEY is not set: staging needs 50 or more random characters; {HOW}.",
    ),
    (
        STAGING | {"SECRET_KEY": "a" * 49},
        "SECRET_KEY is **** (49 characters) (from the environment): staging needs 50 or more "
        f"characters; {HOW}.",
    ),
    (
        PRODUCTION | {"SECRET_KEY": INSECURE},
        f"SECRET_KEY is **** ({len(INSECURE)} characters) (from the environment): it is "
        f"published in the repository; {HOW}.",
    ),
    (
        PRODUCTION | {"JWT_SECRET_KEY": "short"},
        "JWT_SECRET_KEY is **** (5 characters) (from the environment): production needs 32 or "
        f"more characters; {HOW}.",
    ),
    (
        PRODUCTION | {"JWT_SECRET_KEY": KEY},
        "JWT_SECRET_KEY is **** (60 characters) (from the environment): it is the same as "
        f"SECRET_KEY; use another one ({HOW}).",
    ),
    (
        {"OTEL_TRACES_SAMPLER": "always"},
        "OTEL_TRACES_SAMPLER is 'always' (from the environment): it must be always_on, "
        "always_off, traceidratio, parentbased_always_on, parentbased_always_off or "
        "parentbased_traceidratio; did you mean always_on.",
    ),
    (
        {"OTEL_TRACES_SAMPLER_ARG": "1.5"},
        "OTEL_TRACES_SAMPLER_ARG is '1.5' (from the environment): it must be a number from 0 to "
        "1; set OTEL_TRACES_SAMPLER_ARG=0.1.",
    ),
    (
        {"OTEL_TRACES_SAMPLER_ARG": "-1"},
        "OTEL_TRACES_SAMPLER_ARG is '-1' (from the environment): it must be a number from 0 to 1; "
        "set OTEL_TRACES_SAMPLER_ARG=0.1.",
    ),
    (
        PRODUCTION | {"METRICS_TOKEN": "guess-me"},
        "METRICS_TOKEN is **** (8 characters) (from the environment): production needs 32 or "
        f"more characters; {HOW}.",
    ),
    (
        {"METRICS_PORT": "9464", "METRICS_HOST": "0.0.0.0"},
        "METRICS_HOST is '0.0.0.0' (from the environment): other machines could read the metrics "
        "without a token; set METRICS_TOKEN, or METRICS_HOST=127.0.0.1.",
    ),
    (
        {"METRICS_PORT": "9464", "METRICS_HOST": "web.internal"},
        "METRICS_HOST is 'web.internal' (from the environment): other machines could read the "
        "metrics without a token; set METRICS_TOKEN, or METRICS_HOST=127.0.0.1.",
    ),
]


@pytest.mark.parametrize(
    ("dsn", "is_valid"),
    [
        ("https://key@sentry.example.com/42", True),
        ("http://key@127.0.0.1:9000/a/b/1", True),
        ("https://key:old@o1.ingest.sentry.io/1", True),
        ("https://sentry.example.com/42", False),
        ("https://key@/42", False),
        ("https://key@sentry.example.com", False),
        ("https://key@sentry.example.com/", False),
        ("https://key@sentry.example.com/project", False),
        ("https://key@sentry.example.com/42?a=b", False),
        ("https://key@sentry.example.com/42#a", False),
        ("https://key@sentry.example.com:0/42", False),
        ("https://key@sentry.example.com:port/42", False),
        ("https://key@[sentry/42", False),
        ("ftp://key@sentry.example.com/42", False),
        ("key@sentry.example.com/42", False),
        ("https://key@sentry.example.com/4 2", False),
    ],
)
def test_errors_are_reported_to_the_dsn_of_a_project(tmp_path, dsn, is_valid):
    if is_valid:
        environment = read(tmp_path, {"SENTRY_DSN": dsn})
        assert environment.sentry_dsn == dsn
        assert dsn not in repr(environment)
        return
    with pytest.raises(ConfigurationError, match="it must be a DSN such as") as refusal:
        read(tmp_path, {"SENTRY_DSN": dsn})
    assert "key@sentry.example.com:port" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "ratio"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), (".5", 0.5), ("1.0", 1.0)]
)
def test_a_share_of_requests_is_a_number(tmp_path, text, ratio):
    assert read(tmp_path, {"OTEL_TRACES_SAMPLER_ARG": text}).otel_traces_sampler_arg == ratio


@pytest.mark.parametrize(
    "variables",
    [
        {"METRICS_PORT": "9464"},
        {"METRICS_PORT": "9464", "METRICS_HOST": "::1"},
        {"METRICS_PORT": "9464", "METRICS_HOST": "localhost"},
        {"METRICS_HOST": "0.0.0.0"},  # no worker listens anywhere
        {"METRICS_PORT": "9464", "METRICS_HOST": "0.0.0.0", "METRICS_TOKEN": "local-is-free"},
        PRODUCTION | {"METRICS_TOKEN": "m" * 32, "METRICS_PORT": "1", "METRICS_HOST": "0.0.0.0"},
    ],
)
def test_a_worker_may_answer_prometheus_where_nobody_else_can_ask(tmp_path, variables):
    environment = read(tmp_path, variables)
    assert environment.metrics_token == variables.get("METRICS_TOKEN")
    assert environment.metrics_host == variables.get("METRICS_HOST", "127.0.0.1")
    if "METRICS_TOKEN" in variables:
        assert environment.metrics_token in environment.secrets()


@pytest.mark.parametrize(("variables", "sentence"), BAD)
def test_what_is_not_allowed_is_refused_in_one_sentence(tmp_path, variables, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, variables)
    assert str(refusal.value) == sentence
    assert "hush" not in sentence


def test_a_secret_in_a_committed_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="is published in the repository"):
        read(tmp_path, PRODUCTION, {".env.example": f"SECRET_KEY={KEY}\n"})


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(ConfigurationError, match="it is a folder, not a file"):
        read(tmp_path, {"DATABASE_URL": f"sqlite:///{tmp_path}"})


def test_sqlite_is_opened_for_several_writers(tmp_path):
    options = read(tmp_path, {}).databases["default"]["OPTIONS"]
    assert (options["transaction_mode"], options["timeout"]) == ("IMMEDIATE", 20)
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=NORMAL" in options["init_command"]


@pytest.mark.parametrize(
    ("variables", "backend", "location"),
    [
        ({}, "autoforge.cache_counts.CountedMemoryCache", "autoforge"),
        ({"REDIS_HOST": "r"}, "autoforge.cache.RedisCache", "redis://r:6379/0"),
    ],
)
def test_the_cache_is_redis_where_there_is_one(tmp_path, variables, backend, location):
    cache = read(tmp_path, variables | {"APP_NAME": "My App!", "REDIS_CACHE_TTL": "5"}).caches
    entry = cache["default"]
    assert (entry["BACKEND"], entry["LOCATION"]) == (backend, location)
    assert (entry["TIMEOUT"], entry["KEY_PREFIX"]) == (5, "my-app:local")


# --- Files ----------------------------------------------------------------------------------------

FILES = [
    ({}, {".env.local": "PORT=1\n"}, 1, "file"),
    ({"PORT": "2"}, {".env.local": "PORT=1\n"}, 2, "process"),
    ({"PORT": ""}, {".env.local": "PORT=1\n"}, 1, "file"),
    ({}, {".env": "PORT=1\n"}, 8000, "default"),
    (STAGING, {".env": "PORT=3\n", ".env.local": "PORT=1\n"}, 3, "file"),
    (PRODUCTION, {".env": "PORT=3\n", ".env.production": "PORT=4\n"}, 3, "file"),
    ({"ENV_FILE": "other.env"}, {"other.env": "PORT=5\n", ".env.local": "PORT=1\n"}, 5, "file"),
    ({"ENV_FILE": "missing.env"}, {".env.local": "PORT=1\n"}, 8000, "default"),
    ({}, {".env.local": "\ufeff# comment\r\n\r\nexport  PORT=6\r\n"}, 6, "file"),
    ({}, {".env.local": "  PORT='7'\n"}, 7, "file"),
    ({}, {".env.local": 'PORT="8"\n'}, 8, "file"),
]


@pytest.mark.parametrize(("variables", "files", "port", "source"), FILES)
def test_the_process_stands_before_the_one_file(tmp_path, variables, files, port, source):
    environment = read(tmp_path, variables, files)
    assert (environment.port, environment.sources["PORT"]) == (port, source)


def test_a_missing_env_file_and_unknown_names_are_remembered(tmp_path):
    assert read(tmp_path, {"ENV_FILE": "gone"}).missing_file == tmp_path / "gone"
    environment = read(tmp_path, {}, {".env.local": "REDSI_URL=redis://r\nSECRET_KEY_FILE=\n"})
    assert environment.unknown == ("REDSI_URL",)
    assert environment.file == tmp_path / ".env.local"


def test_app_env_may_stand_in_the_named_file_only(tmp_path):
    files = {"live.env": f"APP_ENV=staging\nSECRET_KEY={KEY}\nDATABASE_URL=sqlite:////a.db\n"}
    assert read(tmp_path, {"ENV_FILE": "live.env"}, files).app_env == "staging"
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, {}, {".env.local": "APP_ENV=staging\n"})
    assert str(refusal.value) == (
        "APP_ENV is 'staging' (from .env.local), but that file is only read in local. Set "
        "APP_ENV=staging in the environment, or remove the line."
    )


LIVE_FILE = f"SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////a.db\nPORT=7\n"


@pytest.mark.parametrize(
    ("process", "files", "app_env", "file"),
    [
        ({}, {".env": "APP_ENV=staging\n" + LIVE_FILE}, "staging", ".env"),
        ({}, {".env": "APP_ENV='production'\n" + LIVE_FILE}, "production", ".env"),
        ({}, {".env": "PORT=7\n"}, "local", None),
        (
            {},
            {".env": "APP_ENV=local\nnonsense\n", ".env.local": "PORT=8\n"},
            "local",
            ".env.local",
        ),
        ({"APP_ENV": "local"}, {".env": "APP_ENV=staging\n"}, "local", None),
        (
            {"APP_ENV": "staging"},
            {".env": LIVE_FILE, ".env.local": "PORT=8\n"},
            "staging",
            ".env",
        ),
    ],
)
def test_a_deployments_file_says_where_it_is(tmp_path, process, files, app_env, file):
    environment = read(tmp_path, process, files)
    assert environment.app_env == app_env
    assert environment.file == (tmp_path / file if file else None)


def test_a_laptop_does_not_act_on_staging_by_mistake(tmp_path):
    files = {".env": "APP_ENV=staging\n" + LIVE_FILE, ".env.local": "PORT=8\n"}
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, {}, files)
    assert str(refusal.value) == (
        "APP_ENV is 'staging' (from .env), and there is a .env.local too, which is for local. Set "
        "APP_ENV in the environment, or remove one of the two files."
    )


def test_everything_that_is_wrong_is_listed(tmp_path):
    process = {
        "APP_ENV": "production",
        "PORT": "x",
        "DEBUG": "true",
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "QUEUE": "redis",
    }
    errors, notes = list_problems(open_layers(process, tmp_path))
    names = ["PORT", "LANGFUSE_PUBLIC_KEY", "DEBUG", "SECRET_KEY", "TURSO_DATABASE_URL", "QUEUE"]
    assert [error.names[0] for error in errors] == names
    assert notes == ()
    with pytest.raises(ConfigurationError) as first:
        load(process, tmp_path)
    assert str(first.value) == str(errors[0])


def test_nothing_wrong_leaves_what_has_no_effect(tmp_path):
    errors, notes = list_problems(open_layers({"REDIS_PORT": "7"}, tmp_path))
    assert errors == []
    assert notes == ("REDIS_PORT has no effect: neither REDIS_URL nor REDIS_HOST is set.",)


def test_of_two_lines_the_last_counts(tmp_path):
    assert read(tmp_path, {}, {".env.local": "PORT=1\nPORT=2\n"}).port == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"PORT=1\nnonsense\n",
            "Line 2 of .env.local is not valid: a line must be NAME=value, a comment that starts "
            "with #, or empty.",
        ),
        (b"A=\xff\n", "'{path}' (.env.local) is not valid UTF-8 at byte 3; save it as UTF-8."),
        (
            b"PORT=abc\n",
            "PORT is 'abc' (from .env.local): it must be an integer from 1 to 65535; "
            "set PORT=8000.",
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, content, sentence):
    path = tmp_path / ".env.local"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refusal:
        load({}, tmp_path)
    assert str(refusal.value) == sentence.format(path=path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / ".env.local").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
        load({}, tmp_path)


def test_secrets_come_from_files(tmp_path):
    files = {"key": "from-a-file\n", "url": "redis://r:1\n", "local": "OPENAI_API_KEY=line"}
    environment = read(
        tmp_path, {"OPENAI_API_KEY_FILE": "key", "REDIS_URL_FILE": str(tmp_path / "url")}, files
    )
    assert environment.openai_api_key == "from-a-file"
    assert environment.redis_url == "redis://r:1/0"
    assert environment.sources["OPENAI_API_KEY"] == "secret file"


@pytest.mark.parametrize(
    ("variables", "files", "sentence"),
    [
        (
            {"SECRET_KEY_FILE": "gone"},
            {},
            "'{root}/gone' (the file in SECRET_KEY_FILE) cannot be read (No such file or "
            "directory); correct the path or its permissions.",
        ),
        (
            {"SECRET_KEY_FILE": "key"},
            {"key": "\n"},
            "The file '{root}/key' in SECRET_KEY_FILE is empty; write the value to it, or remove "
            "SECRET_KEY_FILE.",
        ),
        (
            {"SECRET_KEY_FILE": "key", "SECRET_KEY": "a"},
            {"key": "b"},
            "SECRET_KEY and SECRET_KEY_FILE are both set (from the environment) and mean the "
            "same; keep one of them.",
        ),
    ],
)
def test_a_bad_secret_file_is_refused(tmp_path, variables, files, sentence):
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, variables, files)
    assert str(refusal.value) == sentence.format(root=tmp_path)


def test_a_secret_file_of_the_process_beats_the_files_own_value(tmp_path):
    files = {"key": "process", ".env.local": "OPENAI_API_KEY=file\n"}
    assert read(tmp_path, {"OPENAI_API_KEY_FILE": "key"}, files).openai_api_key == "process"


@pytest.mark.parametrize(
    ("variables", "note"),
    [
        (
            {"LANGFUSE_HOST": "https://l.example.com"},
            "LANGFUSE_HOST has no effect: LANGFUSE_PUBLIC_KEY is not set.",
        ),
        (
            {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"},
            "LANGFUSE_PUBLIC_KEY has no effect: LANGFUSE_HOST is not set.",
        ),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": "a=b"},
            "OTEL_EXPORTER_OTLP_HEADERS has no effect: OTEL_EXPORTER_OTLP_ENDPOINT is not set.",
        ),
        (
            {"TRACE_MESSAGES": "true"},
            "TRACE_MESSAGES has no effect: no collector of traces is set.",
        ),
        (
            {"TRACE_REQUESTS": "true"},
            "TRACE_REQUESTS has no effect: OTEL_EXPORTER_OTLP_ENDPOINT is not set.",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "always_off"},
            "OTEL_TRACES_SAMPLER has no effect: TRACE_REQUESTS is not set.",
        ),
        (
            {"OTEL_TRACES_SAMPLER_ARG": "0.5"},
            "OTEL_TRACES_SAMPLER_ARG has no effect: TRACE_REQUESTS is not set.",
        ),
        (
            {"BACKUP_EVERY_HOURS": "24"},
            "BACKUP_EVERY_HOURS has no effect: BACKUP_TO is not set.",
        ),
        ({"REDIS_DB": "1"}, "REDIS_DB has no effect: neither REDIS_URL nor REDIS_HOST is set."),
        ({"TURSO_AUTH_TOKEN": "t"}, "TURSO_AUTH_TOKEN has no effect in local, only in production."),
        (
            PRODUCTION | {"TURSO_AUTH_TOKEN": "t"},
            "TURSO_AUTH_TOKEN has no effect: TURSO_DATABASE_URL is not set, and the database is a "
            "file.",
        ),
    ],
)
def test_a_setting_without_effect_is_noted(tmp_path, variables, note):
    assert read(tmp_path, variables).notes == (note,)


def test_describe_names_every_variable_and_masks(tmp_path):
    environment = read(
        tmp_path, {"OPENAI_API_KEY": "sk-topsecret", "REDIS_URL": "redis://:hush@r:1/0"}
    )
    rows = {row["name"]: row for row in environment.describe()}
    assert list(rows) == [variable.name for variable in VARIABLES]
    assert rows["OPENAI_API_KEY"]["value"] == "**** (12 characters)"
    assert rows["REDIS_URL"]["value"] == "redis://r:1/0"
    assert rows["CLERK_SECRET_KEY"]["source"] == "not set"
    assert {"sk-topsecret", "hush"} <= set(environment.secrets())


def test_values_of_headers_are_secrets_of_their_own(tmp_path):
    text = "authorization=Bearer%20a-token,x=another"
    environment = read(
        tmp_path, {"OTEL_EXPORTER_OTLP_HEADERS": text, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}
    )
    assert {text, "Bearer a-token", "a-token", "another"} <= set(environment.secrets())
    assert "another" not in repr(environment)
    assert environment.notes == ()


SECRETS = [variable.name for variable in VARIABLES if variable.secret]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=st.sampled_from(SECRETS), value=st.text(min_size=6, max_size=60))
def test_no_secret_ever_shows(tmp_path, name, value):
    secret = f"s3cr3t{value}".replace("\0", "")
    try:
        shown = repr(load({name: secret}, tmp_path))
    except ConfigurationError as refusal:
        shown = str(refusal)
    assert secret not in shown
    assert "s3cr3t" not in shown


def test_loading_leaves_the_process_alone(tmp_path):
    before = dict(os.environ)
    read(tmp_path, {}, {".env.local": "APP_NAME=leak\nNEW_NAME=leak\n"})
    assert dict(os.environ) == before


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["import_prompts", "x"]])
def test_manage_py_says_one_sentence_and_exits_2(command):
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=os.environ | {"PORT": "abc"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "Configuration error: PORT is 'abc' (from the environment): it must be an integer from 1 "
        "to 65535; set PORT=8000.\n"
    )
    assert done.stdout == ""


def test_manage_py_says_that_migrations_are_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "export_prompts", str(tmp_path / "out.json")],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Database error: there is no database at ")
    assert "run `manage.py migrate` to create it" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_libsql_url_chooses_the_libsql_backend():
    script = "from django.db import connection; print(connection.display_name, connection.vendor)"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", "--command", script],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "libsql://h.io?authToken=hush-hush"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "libSQL sqlite\n")
    assert "hush-hush" not in done.stderr


def test_roles_are_those_of_the_application():
    from autoforge.environment.values import ROLES
    from core import roles

    assert roles.ROLES == ROLES


TOKENS = TURSO | {"TURSO_DATABASE_URL": "libsql://p.io"}
WATCHED = [
    # Where the token stands: variables of the process, files, the file that is written, its text.
    (TOKENS | {"TURSO_AUTH_TOKEN_FILE": "token"}, {"token": "first"}, "token", "{}\n"),
    (
        {**TOKENS, "TURSO_DATABASE_URL": ""},
        {".env": "TURSO_DATABASE_URL=libsql://p.io\nTURSO_AUTH_TOKEN=first\n"},
        ".env",
        "TURSO_DATABASE_URL=libsql://p.io\nTURSO_AUTH_TOKEN='{}'\n",
    ),
    (
        TOKENS,
        {".env": "TURSO_AUTH_TOKEN_FILE=token\n", "token": "first"},
        "token",
        "{}",
    ),
    (
        {},
        {".env.local": "DATABASE_URL=https://p.io?authToken=first\n"},
        ".env.local",
        "DATABASE_URL=https://p.io?authToken={}\n",
    ),
]


@pytest.mark.parametrize(("process", "files", "name", "text"), WATCHED)
def test_a_token_in_a_file_is_read_again(tmp_path, caplog, process, files, name, text):
    environment = read(tmp_path, process, files)
    token = environment.databases["default"]["OPTIONS"]["auth_token"]
    assert token() == "first"
    assert "first" in environment.secrets()
    assert "first" not in repr(token)
    (tmp_path / name).write_text(text.format("second"))
    assert token.replace("first", wait=False) == "second"
    (tmp_path / name).write_text("half a line")
    if name != "token":
        assert token.replace("second", wait=False) is None
        assert token() == "second"
        assert "The database's token in use stays" in caplog.text


def test_a_token_of_another_database_is_not_taken(tmp_path):
    lines = "TURSO_DATABASE_URL={}\nTURSO_AUTH_TOKEN={}\n"
    files = {".env": lines.format("libsql://p.io", "first")}
    environment = read(tmp_path, {**TURSO, "TURSO_DATABASE_URL": ""}, files)
    token = environment.databases["default"]["OPTIONS"]["auth_token"]
    (tmp_path / ".env").write_text(lines.format("libsql://other.io", "second"))
    assert token.replace("first", wait=False) is None
    assert token() == "first"


def test_a_token_that_is_taken_out_of_its_file_stays(tmp_path):
    files = {".env": "TURSO_DATABASE_URL=http://127.0.0.1:1\nTURSO_AUTH_TOKEN=first\n"}
    environment = read(tmp_path, {**TURSO, "TURSO_DATABASE_URL": ""}, files)
    token = environment.databases["default"]["OPTIONS"]["auth_token"]
    (tmp_path / ".env").write_text("TURSO_DATABASE_URL=http://127.0.0.1:1\n")
    assert token.replace("first", wait=False) is None


def test_variables_of_other_services(tmp_path):
    """They are taken as they are, from the process before the file, and are no unknown names."""
    (tmp_path / ".env.local").write_text(
        "MISTRAL_API_KEY=mi-file-1\nGROQ_API_KEY=gr-file-1\nMODEL_KEYS=TEAM=https://l.example\n"
        "TEAM=team-file-1\nOLLAMA_BASE_URL=http://o.example:1\nTEAMS=x\n"
    )
    process = {"APP_ENV": "local", "MISTRAL_API_KEY": "mi process\n", "XAI_API_KEY": " "}
    environment = load(process, tmp_path)
    expected = {
        "GROQ_API_KEY": "gr-file-1",
        "MISTRAL_API_KEY": "mi process",
        "MODEL_KEYS": "TEAM=https://l.example",
        "OLLAMA_BASE_URL": "http://o.example:1",
        "TEAM": "team-file-1",
    }
    given = environment.of_providers()
    assert {name: given.get(name) for name in expected} == expected
    assert "XAI_API_KEY" not in given
    assert environment.unknown == ("TEAMS",)
    assert {"mi process", "gr-file-1", "team-file-1"} <= set(environment.secrets())
    assert "http://o.example:1" not in environment.secrets()
    assert "file-1" not in repr(environment)
