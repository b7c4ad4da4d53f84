"""`Idempotency-Key`: a request that is sent twice is carried out once and answered twice the same.

The answer is stored in the transaction that does the work: either both are there or neither. What
was refused is not stored, so the same key may be used again when the request was mended.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from core.access.callers import Caller
from core.access.models import IdempotentAnswer
from core.access.services import find_answer, store_answer
from core.api.problems import RequestError

__all__ = ["LONGEST_KEY", "answer_once"]

HEADER: Final = "HTTP_IDEMPOTENCY_KEY"
LONGEST_KEY: Final = 255
KEPT_HEADERS: Final = ("ETag", "Location")


class KeyReusedError(RequestError):
    """The key stands for another request."""


def answer_once(
    request: HttpRequest, caller: Caller, work: Callable[[], HttpResponse]
) -> HttpResponse:
    """Return what `work` answers; where the request's key is known, what it answered before.

    Raises:
        RequestError: the key is too long, or was sent with another request.
    """
    key = request.META.get(HEADER, "")
    if not key:
        return work()
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise RequestError("api.idempotency-key", limit=LONGEST_KEY)
    fingerprint = _fingerprint(request)
    # A write lock is taken first (IMMEDIATE): the second of two at once waits and finds the answer.
    with transaction.atomic():
        row = find_answer(caller=caller.identity, key=key)
        if row is not None:
            if row.fingerprint != fingerprint:
                raise KeyReusedError("api.idempotency-reused")
            return _repeat(row)
        answer = work()
        _store(caller, key, fingerprint, answer)
    return answer


def _fingerprint(request: HttpRequest) -> str:
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()


def _store(caller: Caller, key: str, fingerprint: str, answer: HttpResponse) -> None:
    headers = {"Content-Type": answer.headers["Content-Type"]}
    for name in KEPT_HEADERS:
        if name in answer.headers:
            headers[name] = answer.headers[name]
    store_answer(
        caller=caller.identity,
        key=key,
        fingerprint=fingerprint,
        status=answer.status_code,
        headers=headers,
        body=answer.content.decode(),
    )


def _repeat(row: IdempotentAnswer) -> HttpResponse:
    answer = HttpResponse(row.body.encode(), status=row.status)
    for name, value in json.loads(row.headers).items():
        answer.headers[name] = value
    answer.headers["Idempotency-Replayed"] = "true"
    return answer
