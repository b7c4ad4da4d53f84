"""The bytes of the replication log: good and bad, whole and in pieces."""

import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_hrana.driver.endpoint import Endpoint
from django_hrana.replica import protocol
from django_hrana.replica.client import _namespace
from django_hrana.replica.protocol import Frame, Incoming, ProtocolError
from django_hrana.replica.state import Content, State, StateFile

LOG, SESSION = uuid.UUID(int=1), uuid.UUID(int=2)
PAGE = bytes(range(256)) * 16


def field(number, value):
    """Return a protobuf field."""
    if isinstance(value, int):
        return protocol.offset_request(number << 3)[1:] + protocol.offset_request(value)[1:]
    head = protocol.offset_request(number << 3 | 2)[1:] + protocol.offset_request(len(value))[1:]
    return head + value


def frame_message(frame_no=7, page_no=1, size_after=3, page=PAGE):
    return field(1, struct.pack("<QQII", frame_no, 99, page_no, size_after) + page) + field(2, 5)


def pieces(data, size):
    return Incoming(iter([data[start : start + size] for start in range(0, len(data), size)]))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (0, b"\x08\x00"),
        (127, b"\x08\x7f"),
        (128, b"\x08\x80\x01"),
        (300, b"\x08\xac\x02"),
        ((1 << 64) - 1, b"\x08" + b"\xff" * 9 + b"\x01"),
    ],
)
def test_offsets(number, message):
    assert protocol.offset_request(number) == message
    assert pieces(message[1:], 1).take_varint() == number


def test_hello():
    text = field(1, b"x") + field(2, 3) + field(3, str(LOG).encode()) + field(9, 1)
    text += field(4, str(SESSION).encode())
    hello = protocol.parse_hello(text)
    assert (hello.log_id, hello.session) == (LOG.bytes, SESSION.bytes)
    assert hello.last_frame_no is None
    assert protocol.parse_hello(text + field(5, 0)).last_frame_no == 0
    assert protocol.parse_hello(text + b"\x31" + bytes(8) + b"\x3d" + bytes(4)) == hello


@pytest.mark.parametrize(
    "message",
    [b"", b"\x1a", b"\x1a\x05ab", field(3, b"no"), field(3, b"\xff"), b"\x0b", b"\xff" * 11],
    ids=["nothing", "half", "short", "no id", "no text", "an old type", "an endless number"],
)
def test_what_is_no_hello(message):
    with pytest.raises(ProtocolError):
        protocol.parse_hello(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        field(2, 1),
        frame_message(page=PAGE[1:]),
        frame_message(page=PAGE + b"x"),
        frame_message(page_no=0),
    ],
    ids=["nothing", "no data", "a short page", "a long page", "page 0"],
)
def test_what_is_no_frame(message):
    with pytest.raises(ProtocolError):
        protocol.parse_frame(message)


@given(st.lists(st.integers(1, 1 << 31), max_size=4), st.integers(1, 10_000))
def test_frames_in_any_pieces(page_numbers, size):
    messages = [frame_message(number, number) for number in page_numbers]
    body = b"".join(field(1, message) for message in messages)
    frames = list(protocol.read_frames(pieces(body + b"rest", size), len(body)))
    assert frames == [Frame(number, 99, number, 3, PAGE) for number in page_numbers]


@pytest.mark.parametrize(
    ("body", "length"),
    [
        (field(2, b"x"), 3),
        (field(1, frame_message())[:-1], 4200),
        (field(1, frame_message()), 10),
        (b"\x0a\xff\xff\xff\x7f", 5),
    ],
    ids=["another field", "an end too early", "a length too short", "a length of gigabytes"],
)
def test_what_are_no_frames(body, length):
    with pytest.raises(ProtocolError):
        list(protocol.read_frames(Incoming(iter([body])), length))


def test_prefixes_and_trailers():
    assert Incoming(iter([b"\x80\0\0\1\0"])).take_prefix() == (True, 256)
    assert Incoming(iter([b"\0\0\0\0\5"])).take_prefix() == (False, 5)
    with pytest.raises(ProtocolError, match="compressed"):
        Incoming(iter([b"\1\0\0\0\5"])).take_prefix()
    trailers = protocol.parse_trailers(b"grpc-status:9\r\nGRPC-Message: a%20b\r\n")
    assert trailers == {"grpc-status": "9", "grpc-message": "a b"}


@pytest.mark.parametrize(
    ("url", "namespace", "expected"),
    [
        ("http://127.0.0.1:1", None, "default"),
        ("http://[::1]:1", None, "default"),
        ("http://localhost", None, "default"),
        ("http://localhost", "mine", "mine"),
        ("libsql://shop-team.turso.io", None, "shop-team"),
    ],
)
def test_namespaces(url, namespace, expected):
    assert _namespace(Endpoint.parse(url, namespace)) == expected


def test_a_state_survives_a_half_written_one(tmp_path):
    file = StateFile(tmp_path / "folder" / "state")
    assert file.read() is None
    one = file.write(State(database=b"d" * 16, log_id=b"l" * 16), durable=True)
    content = Content(frame_no=4, checksum=(1 << 64) - 1, stamp=5, pages=6)
    two = file.write(one.with_content(1, content), durable=False)
    assert file.read() == two
    assert (two.sequence, two.files[1], two.files[0]) == (2, content, Content())
    raw = file.path.read_bytes()
    for end in range(len(raw)):  # each byte of the newest slot, which is the first
        if end < 180:
            file.path.write_bytes(raw[:end] + bytes([raw[end] ^ 1]) + raw[end + 1 :])
            assert file.read() in (one, two)
    for junk in (b"", b"x" * 600, raw[256:]):
        file.path.write_bytes(junk)
        assert file.read() in (None, one)
    file.close()
