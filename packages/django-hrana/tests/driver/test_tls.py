"""TLS, as every server of Turso's has it: trusted, untrusted, for another name, opened again."""

import pytest

from django_hrana import driver
from hrana_support.tls_proxy import TlsProxy, make_certificate


@pytest.fixture
def proxy(libsql_server, tmp_path, monkeypatch):
    cert_file, key_file = make_certificate(tmp_path, "localhost", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    proxy = TlsProxy(libsql_server.port, cert_file, key_file)
    yield proxy
    proxy.close()


def test_statements_go_over_one_connection(proxy, connect):
    cursor = connect(f"libsql://127.0.0.1:{proxy.port}").cursor()
    for number in range(20):
        assert cursor.execute("SELECT ?", [number]).fetchone() == (number,)
    text = "x" * 3_000_000
    assert cursor.execute("SELECT ?", [text]).fetchone() == (text,)
    assert len(proxy.reused) == 1


def test_a_connection_that_was_closed_is_opened_again(proxy, connect):
    connection = connect(f"https://localhost:{proxy.port}")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (x)")
    proxy.cut()
    cursor.execute("INSERT INTO t VALUES (1)")  # noticed before it was sent: no doubt about it
    assert cursor.execute("SELECT count(*) FROM t").fetchone() == (1,)
    assert len(proxy.reused) == 2


def test_a_certificate_that_nobody_trusts(proxy, connect, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(driver.Unreachable, match="its certificate is not trusted"):
        connect(f"https://localhost:{proxy.port}").cursor().execute("SELECT 1")


def test_a_certificate_for_another_name(libsql_server, tmp_path, monkeypatch, connect):
    cert_file, key_file = make_certificate(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    proxy = TlsProxy(libsql_server.port, cert_file, key_file)
    with pytest.raises(driver.Unreachable, match="its certificate is not trusted"):
        connect(f"https://localhost:{proxy.port}").cursor().execute("SELECT 1")
    proxy.close()


def test_a_server_without_tls(libsql_server, connect):
    with pytest.raises(driver.Unreachable, match="is not responding"):
        connect(f"libsql://127.0.0.1:{libsql_server.port}").cursor().execute("SELECT 1")
