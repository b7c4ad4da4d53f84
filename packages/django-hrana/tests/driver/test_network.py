"""How connections are opened, and where: proxies, authorities, timeouts, redirections."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from django_hrana import driver
from django_hrana.driver.endpoint import Endpoint, split_token
from django_hrana.driver.network import Network
from django_hrana.driver.transport import Transport
from hrana_support.connect_proxy import ConnectProxy
from hrana_support.sqld import Server, free_port
from hrana_support.tls_proxy import TlsProxy, make_certificate

HOST = "db.example"  # nobody resolves it but the proxy


@pytest.fixture
def ca_file(tmp_path) -> str:
    certificate, _key = make_certificate(tmp_path, HOST)
    return str(certificate)


@pytest.fixture
def tls(libsql_server, ca_file, tmp_path) -> Iterator[TlsProxy]:
    proxy = TlsProxy(libsql_server.port, tmp_path / "cert.pem", tmp_path / "key.pem")
    yield proxy
    proxy.close()


@pytest.fixture
def tunnel(tls) -> Iterator[ConnectProxy]:
    proxy = ConnectProxy(tls.port)
    yield proxy
    proxy.close()


class TestProxies:
    def test_a_connection_goes_through_one(self, connect, tunnel, ca_file):
        connection = connect(f"libsql://{HOST}", ca_file=ca_file, proxy=f"http://{tunnel.address}")
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        cursor.execute("INSERT INTO t VALUES (?)", ["é" * 100_000])
        assert cursor.execute("SELECT length(x) FROM t").fetchone() == (100_000,)
        (head,) = tunnel.heads
        assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n")
        assert "Authorization" not in head

    def test_one_without_tls_too_where_it_was_asked_for(self, connect, libsql_server):
        proxy = ConnectProxy(libsql_server.port)
        connection = connect(f"http://{HOST}:8080", proxy=proxy.address)
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
        assert proxy.heads[0].startswith(f"CONNECT {HOST}:8080 ")
        proxy.close()

    def test_its_password_is_sent_and_never_shown(self, connect, tunnel, ca_file):
        url = f"http://us%40er:s3cr%3At@{tunnel.address}"
        connection = connect(f"https://{HOST}", ca_file=ca_file, proxy=url)
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
        assert "\r\nProxy-Authorization: Basic dXNAZXI6czNjcjp0\r\n" in tunnel.heads[0]
        network = Network.of(proxy=url)
        for shown in (repr(connection), repr(network), str(network.proxy)):
            assert "dXNA" not in shown
            assert "s3cr" not in shown

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            ("407 Proxy Authentication Required", "asks for a user and a password"),
            ("403 Forbidden", "answered 403 to CONNECT"),
            ("302 Found", "answered 302 to CONNECT"),
            ("x", "answered x to CONNECT"),
        ],
    )
    def test_one_that_refuses(self, connect, tunnel, ca_file, status, message):
        tunnel.status = status
        connection = connect(f"https://{HOST}", ca_file=ca_file, proxy=tunnel.address)
        with pytest.raises(driver.Unreachable, match=rf"the proxy {tunnel.address} {message}"):
            connection.cursor().execute("CREATE TABLE t (x)")

    def test_one_that_is_not_there_and_one_that_says_nothing(self, connect, tunnel, ca_file):
        nobody = f"127.0.0.1:{free_port()}"
        with pytest.raises(driver.Unreachable, match=f"the proxy {nobody} is not responding"):
            connect(f"https://{HOST}", proxy=nobody).cursor().execute("SELECT 1")
        tunnel.status = ""
        connection = connect(f"https://{HOST}", proxy=tunnel.address, connect_timeout=0.2)
        with pytest.raises(driver.Unreachable, match=r"no connection within 0\.2 s"):
            connection.cursor().execute("SELECT 1")

    @pytest.mark.parametrize(
        ("url", "no_proxy", "option", "is_used"),
        [
            (f"https://{HOST}", "", None, True),
            (f"libsql://{HOST}:444", "other.example", None, True),
            (f"https://{HOST}", ".example", None, False),
            (f"https://{HOST}", f"x,{HOST}", None, False),
            (f"https://{HOST}", "*", None, False),
            (f"https://{HOST}", "", "", False),
            (f"http://{HOST}", "", None, False),
            ("https://localhost", "", None, False),
            ("https://127.0.0.1", "", None, False),
            ("https://[::1]", "", None, False),
        ],
    )
    def test_the_environment_says_it(self, monkeypatch, url, no_proxy, option, is_used):
        for name in ("https_proxy", "no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cret@proxy.example:3128")
        monkeypatch.setenv("HTTP_PROXY", "http://another.example:3128")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        proxy = Network.of(proxy=option).find_proxy(Endpoint.parse(url))
        assert ((proxy.host, proxy.port) if proxy else None) == (
            ("proxy.example", 3128) if is_used else None
        )

    def test_from_the_environment_to_the_server(self, connect, tunnel, ca_file, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", tunnel.address)
        monkeypatch.setenv("NO_PROXY", "")
        connection = connect(f"https://{HOST}", ca_file=ca_file)
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)
        assert len(tunnel.heads) == 1
        monkeypatch.setenv("HTTPS_PROXY", "socks5://s3cret@h:1")
        with pytest.raises(driver.Unreachable, match=r"\(HTTPS_PROXY is not valid") as caught:
            connect(f"https://{HOST}").cursor().execute("CREATE TABLE t (x)")
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connect_timeout": 0}, "connect_timeout is not valid: use a number of seconds greater"),
        ({"connect_timeout": float("nan")}, "connect_timeout is not valid"),
        ({"connect_timeout": "5"}, "connect_timeout is not valid"),
        ({"keepalive": -1}, "keepalive is not valid: use a whole number of seconds, or 0"),
        ({"keepalive": 1.5}, "keepalive is not valid"),
        ({"keepalive": True}, "keepalive is not valid"),
        ({"ca_file": "/nowhere.pem"}, "ca_file /nowhere.pem is not valid: use a PEM file"),
        ({"ca_file": __file__}, "ca_file .*test_network.py is not valid"),
        ({"proxy": "https://h:1"}, r"proxy is not valid \(its value is not shown\): write http://"),
        ({"proxy": "http://s3cret@"}, "proxy is not valid"),
        ({"proxy": "http://s3cret@h:x"}, "proxy is not valid"),
        ({"proxy": 5}, "proxy is not valid"),
    ],
)
def test_options_that_are_not_valid(options, message):
    with pytest.raises(driver.InterfaceError, match=f"^{message}") as caught:
        driver.connect("http://localhost:1", **options)
    assert "s3cret" not in str(caught.value)


class TestOpening:
    def test_only_the_authorities_of_the_file_are_trusted(
        self, connect, tunnel, ca_file, tmp_path_factory
    ):
        other, _key = make_certificate(tmp_path_factory.mktemp("other"), HOST)
        for file in (None, str(other)):
            connection = connect(f"https://{HOST}", ca_file=file, proxy=tunnel.address)
            with pytest.raises(driver.Unreachable, match="its certificate is not trusted"):
                connection.cursor().execute("SELECT 1")

    def test_tls_that_never_comes_about(self, connect):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"https://127.0.0.1:{silent.getsockname()[1]}"
            connection = connect(url, connect_timeout=0.2)
            with pytest.raises(driver.Unreachable, match=r"no connection within 0\.2 s"):
                connection.cursor().execute("CREATE TABLE t (x)")
            shorter = connect(url, connect_timeout=50, timeout=0.3)
            with pytest.raises(driver.Unreachable, match=r"no connection within 0\.3 s"):
                shorter.cursor().execute("SELECT 1")

    def test_an_answer_may_take_longer_than_connecting(self, connect, proxy):
        connection = connect(proxy.url, connect_timeout=0.1)
        proxy.delay_seconds = 0.15
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)

    @pytest.mark.parametrize(("option", "expected"), [({}, 60), ({"keepalive": 7}, 7)])
    def test_tcp_looks_after_idle_connections(self, connect, option, expected):
        connection = connect(**option)
        connection.cursor().execute("SELECT 1")
        opened = connection._stream.home._socket
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == expected

    def test_or_does_not(self, connect):
        connection = connect(keepalive=0)
        connection.cursor().execute("SELECT 1")
        opened = connection._stream.home._socket
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


class FakeServer:
    """Answers one request of each connection, sends more that nobody asked for, and closes.

    Attributes:
        connections: how many were opened.
    """

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def __init__(self, more: bytes) -> None:
        self.connections = 0
        self._more = more
        self._closes = not more
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                self.connections += 1
                client.recv(65_536)
                client.sendall(self.ANSWER)
                client.sendall(self._more)
                if self._closes:
                    client.close()
                else:
                    self._held.append(client)

    def close(self) -> None:
        self._listener.close()
        for client in self._held:
            client.close()


@pytest.mark.parametrize("more", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
@pytest.mark.parametrize("polls", [True, False])
def test_a_connection_that_is_closed_after_an_answer_is_not_used_again(monkeypatch, more, polls):
    if not polls:  # as on Windows
        monkeypatch.delattr(select, "poll")
    server = FakeServer(more)
    transport = Transport(Endpoint.parse(server.url), 5)
    for number in range(1, 4):
        assert transport.request("/", b"{}", "").body == b"ok"
        assert server.connections == number
        if transport._socket is not None:  # what came along with the answer is seen with it
            select.select([transport._socket], [], [], 5)
            assert transport.was_cut
    transport.close()
    server.close()


class Redirector:
    """An HTTP server that redirects each request, and records it.

    Attributes:
        status: of its answers.
        location: in its answers; {path} is what was asked for.
        requests: the paths, and whether a token came along.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.status = 307
        self.location = ""
        self.requests: list[tuple[str, bool]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, "Authorization" in self.headers))
                self.send_response(outer.status)
                self.send_header("Location", outer.location.format(path=self.path))
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"moved")

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def redirector() -> Iterator[Redirector]:
    redirector = Redirector()
    yield redirector
    redirector.close()


class TestRedirections:
    @pytest.mark.parametrize("status", [307, 308])
    def test_on_the_same_host_are_followed(self, connect, redirector, libsql_server, status):
        redirector.status = status
        redirector.location = f"{libsql_server.url}{{path}}"
        connection = connect(redirector.url, auth_token="t0ken")
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (x)")
        with connection.transaction():
            cursor.execute("INSERT INTO t VALUES (1)")
            cursor.execute("INSERT INTO t VALUES (2)")
        cursor.execute("INSERT INTO t VALUES (3)")
        assert redirector.requests == [("/v3/pipeline", True)]  # the connection stays there
        assert connect().cursor().execute("SELECT count(*) FROM t").fetchone() == (3,)

    def test_of_a_large_result_too(self, connect, redirector, libsql_server):
        redirector.location = f"{libsql_server.url}{{path}}"
        request = driver.messages.StatementRequest("SELECT 1 UNION ALL SELECT 2")
        rows = connect(redirector.url).arriving(request)
        assert list(rows) == [(1,), (2,)]
        assert redirector.requests[0][0] == "/v3/cursor"

    @pytest.mark.parametrize("name", ["elsewhere", "without a host", "encrypted elsewhere"])
    def test_to_another_host_never_get_the_token(self, connect, redirector, name):
        elsewhere = Redirector("127.0.0.2")
        elsewhere.location = "/"
        redirector.location = {
            "elsewhere": f"{elsewhere.url}{{path}}?authToken=s3cret",
            "without a host": f"//{elsewhere.url.partition('//')[2]}{{path}}",
            "encrypted elsewhere": "https://127.0.0.3{path}",
        }[name]
        connection = connect(redirector.url, auth_token="t0ken")
        with pytest.raises(
            driver.OperationalError,
            match=r"HTTP status 307: it redirects to \w*://127\.0\.0\.[23]: if you trust that, set",
        ) as caught:
            connection.cursor().execute("SELECT 1")
        assert not caught.value.retryable
        assert "s3cret" not in str(caught.value)
        assert elsewhere.requests == []
        elsewhere.close()

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_that_would_make_it_a_get_are_not_followed(
        self, connect, redirector, libsql_server, status
    ):
        redirector.status = status
        redirector.location = f"{libsql_server.url}{{path}}"
        with pytest.raises(driver.OperationalError, match=f"HTTP status {status}: it redirects"):
            connect(redirector.url).cursor().execute("SELECT 1")

    def test_without_an_end(self, connect, redirector):
        redirector.location = "/a{path}"
        with pytest.raises(driver.OperationalError, match="HTTP status 307: it redirects to anoth"):
            connect(redirector.url).cursor().execute("SELECT 1")
        assert len(redirector.requests) == 4

    @pytest.mark.parametrize("location", ["", "{path}"])
    def test_to_nowhere_or_to_where_it_came_from_would_send_a_write_twice(
        self, connect, redirector, location
    ):
        redirector.location = location
        with pytest.raises(driver.OutcomeUnknown, match="HTTP status 307"):
            connect(redirector.url).cursor().execute("INSERT INTO t VALUES (1)")
        assert len(redirector.requests) == 1


@pytest.mark.parametrize(
    ("url", "location", "followed"),
    [
        ("http://h:1", "http://h:2/v3/x", "http://h:2"),
        ("http://h:1", "/v3/x", "http://h:1"),
        ("http://h:1", "/a/b/v3/x", "http://h:1/a/b"),
        ("http://h:1", "https://H/v3/x", "https://h"),
        ("http://h:1?namespace=n", "http://n.h:2/v3/x", "http://h:2 (namespace n)"),
        ("https://h/a", "https://h:8/b/v3/x", "https://h:8/b"),
        ("https://h", "http://h/v3/x", None),
        ("https://h", "https://other/v3/x", None),
        ("https://h", "https://h.evil/v3/x", None),
        ("https://h", "https://u@h/v3/x", None),
        ("https://h", "https://h/v3/x?y", None),
        ("https://h", "https://h/v3/x#y", None),
        ("https://h", "https://h/elsewhere", None),
        ("https://h", "https://h:0x/v3/x", None),
        ("https://h", "ftp://h/v3/x", None),
        ("https://h", "", None),
    ],
)
def test_where_a_redirection_may_lead(url, location, followed):
    target = Endpoint.parse(url).redirected_to(location, "/v3/x")
    assert (None if target is None else str(target)) == followed


@pytest.mark.parametrize(
    ("url", "base_url", "header"),
    [
        ("http://h:1?namespace=n", "http://h:2", "n.h:2"),
        ("http://h:1?namespace=n", "http://node1:1", "n.node1:1"),
        ("http://h:1?namespace=n", "http://node1:1?namespace=m", "m.node1:1"),
        ("http://127.0.0.1:1?namespace=n", "http://localhost:1", "n.localhost:1"),
        ("http://127.0.0.1:1", "http://localhost:1", "localhost:1"),
        ("https://shop.example", "https://node1.example", "shop.node1.example"),
        ("https://shop.example", "https://shop.node1.example", "shop.node1.example"),
        ("https://shop.example?namespace=n", "https://n.node1.example", "n.node1.example"),
        ("https://shop.example", "https://shop.example:444/p", "shop.example:444"),
        ("http://localhost:1", "http://node1.example", "node1.example"),
        ("https://shop.example", "https://10.0.0.1", "shop.localhost"),
    ],
)
def test_a_stream_that_is_continued_elsewhere_stays_in_its_database(url, base_url, header):
    assert Endpoint.parse(url).continued_at(base_url).header == header


def test_a_stream_is_never_continued_in_plain_text():
    with pytest.raises(driver.InterfaceError, match="continue without encryption"):
        Endpoint.parse("https://h").continued_at("http://h")


def test_a_server_that_names_its_own_url(tmp_path):
    """Under that name, another database would be meant."""
    port = free_port()
    arguments = ["--http-self-url", f"http://localhost:{port}", "--disable-default-namespace"]
    with Server(
        tmp_path / "sqld", namespaces=True, port=port, idle_seconds=600, arguments=arguments
    ) as server:
        server.create("shop")
        connection = driver.connect(server.url, namespace="shop", autocommit=True)
        with contextlib.closing(connection):
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE t (x)")
            with connection.transaction():
                for number in range(3):
                    cursor.execute("INSERT INTO t VALUES (?)", [number])
                assert cursor.execute("SELECT count(*) FROM t").fetchone() == (3,)
            assert cursor.execute("SELECT count(*) FROM t").fetchone() == (3,)


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("libsql://h", "https://h"),
            ("turso://h", "https://h"),
            ("wss://h", "https://h"),
            ("ws://h:1", "http://h:1"),
            ("turso://h:1?tls=0", "http://h:1"),
            ("WSS://H", "https://h"),
        ],
    )
    def test_every_form(self, url, shown):
        assert str(Endpoint.parse(url)) == shown

    @pytest.mark.parametrize("url", ["wss://h?tls=0", "ws://h?tls=1", "wws://h"])
    def test_no_other(self, url):
        with pytest.raises(driver.InterfaceError, match="the database URL has"):
            Endpoint.parse(url)

    @pytest.mark.parametrize(
        ("url", "rest", "token"),
        [
            ("libsql://h", "libsql://h", ""),
            ("libsql://h?authToken=a.b-c_d", "libsql://h", "a.b-c_d"),
            ("http://h:1?namespace=n&authToken=a%2Bb", "http://h:1?namespace=n", "a+b"),
            ("http://h:1?authToken=a&tls=0", "http://h:1?tls=0", "a"),
            ("http://h:1?authToken=", "http://h:1", ""),
        ],
    )
    def test_a_token_is_taken_out(self, url, rest, token):
        assert split_token(url) == (rest, token)

    def test_a_token_twice(self):
        with pytest.raises(driver.InterfaceError, match="has authToken= twice") as caught:
            split_token("libsql://h?authToken=s3cret&authToken=s3cret")
        assert "s3cret" not in str(caught.value)

    def test_a_token_in_the_url_is_sent_and_not_shown(self, redirector, connect):
        redirector.location = "https://127.0.0.9/"
        connection = connect(f"{redirector.url}?authToken=s3cret")
        with pytest.raises(driver.OperationalError) as caught:
            connection.cursor().execute("SELECT 1")
        assert redirector.requests == [("/v3/pipeline", True)]
        assert "s3cret" not in f"{caught.value} {connection!r} {caught.value.__cause__}"
