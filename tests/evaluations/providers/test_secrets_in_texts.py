"""Keys and passwords within texts: an error that repeats them, headers, JSON in a text."""

import time

import pytest

from evaluations.engine.providers.keys import hide_secrets, hide_secrets_in_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdefghijk", "Authorization: Bearer ****"),
        ("Authorization: Bearer abcdefghijk1", "Authorization: ****"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: ****"),
        ("sent Basic dXNlcjpwYXNzd29yZA==, sorry", "sent Basic ****, sorry"),
        ("basic authentication is needed", "basic authentication is needed"),
        ("api_key=abc&n=1", "api_key=****&n=1"),
        ("x-api-key=hunter2;n=1", "x-api-key=****;n=1"),
        ("api_key: hunter2", "api_key: ****"),
        ("unexpected token: end of file", "unexpected token: end of file"),
        ("{'x-api-key': 'it\\'s', 'n': 1}", "{'x-api-key': ****, 'n': 1}"),
        ('{"Authorization": "two words", "n": 1}', '{"Authorization": ****, "n": 1}'),
        ('{"Authorization": "cut off…', '{"Authorization": ****'),
        (r'"{\"password\": \"two words\", \"n\": 1}"', r'"{\"password\": ****, \"n\": 1}"'),
        ("sk-abcdefghijklmnop.", "****."),
        ("[sk-abcdefghijklmnop]", "[****]"),
        ("refused: token:ghp_abcdefghijklmnopqrst!", "refused: token:****"),
        ("https://user:hunter2@host/x", "https://****@host/x"),
        ("https://a.example/?key=hunter2&x=1", "https://a.example/?key=****&x=1"),
        ("https://a.example/?sig=hunter2", "https://a.example/?sig=****"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\nabc\n-----END PRIVATE KEY----- x", "**** x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "****"),
        ("max_tokens: 4096, eos_token=2", "max_tokens: 4096, eos_token=2"),
        ("password=", "password="),
        ("The model is overloaded (529); try again.", "The model is overloaded (529); try again."),
        ("キーが違います: sk-abcdefghijklmnop", "キーが違います: ****"),
    ],
)
def test_secrets_are_hidden_within_texts(text, shown):
    assert hide_secrets_in_text(text) == shown
    within = hide_secrets({"headers": [{"note": f"It said {text}"}]})
    assert within == {"headers": [{"note": f"It said {shown}"}]}
    assert hide_secrets_in_text(shown) == shown


@pytest.mark.parametrize(
    "piece",
    ["x", "://", "password=", "api_key: '", '"token": "', "bearer ", "Bearer 1", "eyj-a.a",
     "-----begin -----", "sk-", "\\", "a.", "?key"],
)  # fmt: skip
def test_hiding_takes_linear_time(piece):
    start = time.monotonic()
    hide_secrets_in_text(piece * (400_000 // len(piece)))
    assert time.monotonic() - start < 5
