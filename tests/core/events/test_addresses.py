"""Where events may go: a table of addresses.

Names are resolved by this machine's own resolver; it needs no network for those that are numbers.
"""

import ipaddress
import threading

import pytest
from django.test import override_settings

from core.events import addresses
from core.events.addresses import RefusedURLError, check_address, check_url

LINK_LOCAL, PRIVATE, OWN = "a link-local or metadata address", "a private address", "this machine"
# host → what it is; all of them are refused where nothing is allowed
REFUSED = [
    ("169.254.169.254", LINK_LOCAL),  # AWS, Azure, Google Cloud
    ("169.254.1.1", LINK_LOCAL),
    ("[fe80::1]", LINK_LOCAL),
    ("[fd00:ec2::254]", LINK_LOCAL),
    ("[fd20:ce::254]", LINK_LOCAL),
    ("[::ffff:169.254.169.254]", LINK_LOCAL),
    ("[::ffff:a9fe:a9fe]", LINK_LOCAL),
    ("[64:ff9b::a9fe:a9fe]", LINK_LOCAL),
    ("[2002:a9fe:a9fe::1]", LINK_LOCAL),
    ("100.100.100.200", LINK_LOCAL),  # Alibaba Cloud
    ("168.63.129.16", LINK_LOCAL),  # Azure
    ("192.0.0.192", LINK_LOCAL),  # Oracle Cloud
    ("10.0.0.1", PRIVATE),
    ("10.255.255.255", PRIVATE),
    ("172.16.5.4", PRIVATE),
    ("172.31.0.1", PRIVATE),
    ("192.168.1.1", PRIVATE),
    ("100.64.0.1", PRIVATE),  # CGNAT
    ("198.18.0.1", PRIVATE),  # benchmarks
    ("203.0.113.7", PRIVATE),  # documentation
    ("224.0.0.1", PRIVATE),  # multicast
    ("255.255.255.255", PRIVATE),
    ("240.0.0.1", PRIVATE),  # reserved
    ("[fd12::1]", PRIVATE),
    ("[2001:db8::1]", PRIVATE),
    ("[::ffff:10.0.0.1]", PRIVATE),
    ("[64:ff9b::a00:1]", PRIVATE),
    ("127.0.0.1", OWN),
    ("127.9.9.9", OWN),
    ("0.0.0.0", OWN),
    ("[::]", OWN),
    ("[::1]", OWN),
    ("[::ffff:127.0.0.1]", OWN),
    ("localhost", OWN),
    ("127.1", OWN),
    ("0x7f.1", OWN),
    ("2130706433", OWN),
    ("017700000001", OWN),
]


@override_settings(WEBHOOK_ALLOWED_NETWORKS="")
@pytest.mark.parametrize(("host", "kind"), REFUSED)
def test_an_address_that_is_refused(host, kind):
    for scheme in ("https", "http"):
        with pytest.raises(RefusedURLError, match=kind) as refusal:
            check_url(f"{scheme}://{host}:8443/hook")
        assert "WEBHOOK_ALLOWED_NETWORKS" in str(refusal.value)


@override_settings(WEBHOOK_ALLOWED_NETWORKS="loopback,private")
@pytest.mark.parametrize(("host", "kind"), REFUSED)
def test_the_words_of_the_variable_open_all_but_metadata(host, kind):
    if kind != LINK_LOCAL:
        check_url(f"https://{host}/hook")
        check_url(f"http://{host}/hook")
        return
    with pytest.raises(RefusedURLError, match=kind):
        check_url(f"https://{host}/hook")


ALLOWED = [
    ("https://1.1.1.1/hook", ""),
    ("https://[2606:4700::1111]/hook?key=1", ""),
    ("https://name.that.is.not.known.invalid/hook", ""),
    ("https://10.1.2.3/", "10.0.0.0/8"),
    ("http://10.1.2.3/", "192.168.0.0/16,10.0.0.0/8"),
    ("http://localhost:8000/", "localhost"),
    ("https://169.254.169.254/", "169.254.169.254"),
    ("http://[::1]/", "loopback"),
]


@pytest.mark.parametrize(("url", "networks"), ALLOWED)
def test_an_address_that_is_allowed(url, networks):
    with override_settings(WEBHOOK_ALLOWED_NETWORKS=networks):
        check_url(url)


FORM = "the address must start with https:// and include a host"
WRONG = [
    ("hooks.example.com/a", FORM),
    ("//hooks.example.com", FORM),
    ("ftp://1.1.1.1/", FORM),
    ("file:///etc/passwd", FORM),
    ("https://", FORM),
    ("https:///path", FORM),
    ("https://1.1.1.1:0/", FORM),
    ("https://1.1.1.1:99999/", FORM),
    ("https://1.1.1.1:http/", FORM),
    ("https://[::1/", FORM),
    ("https://1.1.1.1/a b", FORM),
    ("https://1.1.1.1/\r\nHost: x", FORM),
    ("https://1.1.1.1\\@127.0.0.1/", FORM),
    ("https://anna@1.1.1.1/", "must not contain a user name or password"),
    ("https://anna:secret@1.1.1.1/", "must not contain a user name or password"),
    ("http://1.1.1.1/", "http:// is for private networks"),
    ("http://name.that.is.not.known.invalid/", "http:// is for private networks"),
]


@pytest.mark.parametrize(("url", "message"), WRONG)
def test_a_url_that_is_none_for_a_webhook(url, message):
    with pytest.raises(RefusedURLError, match=message) as refusal:
        check_url(url)
    assert "secret" not in str(refusal.value)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(addresses, "RESOLVED_WITHIN_SECONDS", 0.05)
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_args, **_named: ended.wait(10))
    check_url("https://hooks.example.com/")
    ended.set()


@override_settings(WEBHOOK_ALLOWED_NETWORKS="")
def test_a_name_that_stands_for_a_private_address_is_named_with_it():
    with pytest.raises(RefusedURLError, match=r"^inside\.example\.com \(10\.0\.0\.1\) is not"):
        check_address("https", "inside.example.com", ipaddress.ip_address("10.0.0.1"))
    with pytest.raises(RefusedURLError, match=r"^10\.0\.0\.1 is not"):
        check_address("https", "10.0.0.1", ipaddress.ip_address("10.0.0.1"))
