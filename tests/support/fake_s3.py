"""A fake of S3 on loopback: objects in memory, in as much of the protocol as backups use.

Path-style addresses; PUT, GET, HEAD, DELETE, ListObjectsV2, and uploads in parts. It asks for one
access key and does not check the signature. Source: Amazon S3 API Reference, 2006-03-01.
"""

import hashlib
import http.server
import re
import threading
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

__all__ = ["ACCESS_KEY", "FakeS3"]

ACCESS_KEY = "AKIAFAKE"


class FakeS3:
    """A server with one bucket, `team`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts = 0
        """Parts of uploads that were received."""
        self.fails_at = ""
        """Method that is answered with 500."""
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Its address, for AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _make_handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if f"Credential={ACCESS_KEY}/" not in self.headers.get("Authorization", ""):
                    status, headers, content = 403, {}, _error("InvalidAccessKeyId")
                else:
                    status, headers, content = fake.answer(self.command, self.path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any  # noqa: N815 (their names)

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        parts = urlsplit(path)
        query = {name: value[0] for name, value in parse_qs(parts.query, True).items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        if method == self.fails_at:
            return 500, {}, _error("InternalError")
        if bucket != "team":
            return 404, {}, _error("NoSuchBucket")
        if not key:
            return self._delete_many(body) if method == "POST" else self._list(query)
        if "uploads" in query or "uploadId" in query:
            return self._upload(method, key, query, body)
        return self._answer_object(method, key, body)

    def _answer_object(
        self, method: str, key: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if method == "PUT":
            self.objects[key] = body
            return 200, {"ETag": _tag(body)}, b""
        if key not in self.objects:
            return 404, {}, _error("NoSuchKey")
        if method == "DELETE":
            del self.objects[key]
            return 204, {}, b""
        content = self.objects[key]
        headers = {
            "ETag": _tag(content),
            "Content-Length": str(len(content)),
            "Last-Modified": "Mon, 30 Nov 2026 12:00:00 GMT",
        }
        return 200, headers, content

    def _delete_many(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        deleted = ""
        for key in re.findall(r"<Key>(.*?)</Key>", body.decode()):
            self.objects.pop(unescape(key), None)
            deleted += f"<Deleted><Key>{key}</Key></Deleted>"
        return 200, {}, f"<DeleteResult>{deleted}</DeleteResult>".encode()

    def _list(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        entries = ""
        for key, content in sorted(self.objects.items()):
            if key.startswith(query.get("prefix", "")):
                entries += (
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
                    f"<LastModified>2026-11-30T12:00:00.000Z</LastModified>"
                    f"<ETag>{_tag(content)}</ETag></Contents>"
                )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return 200, {"Content-Type": "application/xml"}, text.encode()

    def _upload(
        self, method: str, key: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if "uploads" in query:
            number = f"upload{len(self._uploads)}"
            self._uploads[number] = {}
            text = (
                "<InitiateMultipartUploadResult><Bucket>team</Bucket>"
                f"<Key>{escape(key)}</Key><UploadId>{number}</UploadId>"
                "</InitiateMultipartUploadResult>"
            )
            return 200, {}, text.encode()
        parts = self._uploads[query["uploadId"]]
        if method == "PUT":
            self.parts += 1
            parts[int(query["partNumber"])] = body
            return 200, {"ETag": _tag(body)}, b""
        if method == "DELETE":
            return 204, {}, b""
        self.objects[key] = b"".join(content for _number, content in sorted(parts.items()))
        text = (
            "<CompleteMultipartUploadResult><Bucket>team</Bucket>"
            f"<Key>{escape(key)}</Key><ETag>{_tag(self.objects[key])}</ETag>"
            "</CompleteMultipartUploadResult>"
        )
        return 200, {}, text.encode()


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
