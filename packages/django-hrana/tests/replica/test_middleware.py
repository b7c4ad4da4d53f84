"""The cookie that carries what a person has written to the processes that answer next."""

import asyncio
import time

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from django_hrana.replica.middleware import COOKIE, read_own_writes
from django_hrana.replica.sessions import SESSION, parse_token, read_newest, write_token


def view(moment):
    """Return a view that writes at a moment of the clock; None: it does not."""

    def answer(_request):
        session = SESSION.get()
        response = HttpResponse(str(session.required_ns))
        if moment is not None:
            session.required_ns = moment
        return response

    return answer


def request(token=None):
    made = RequestFactory().get("/")
    if token is not None:
        made.COOKIES[COOKIE] = token
    return made


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("token", "moment", "expected"),
    [
        (None, None, None),
        (None, 5, 5),
        (write_token(3), None, None),
        (write_token(3), 5, 5),
        (write_token(5), 5, None),
    ],
)
def test_who_writes_gets_a_cookie(is_async, token, moment, expected):
    answer = view(moment)
    if is_async:

        async def answer_async(made):
            await asyncio.sleep(0)
            return answer(made)

        response = asyncio.run(read_own_writes(answer_async)(request(token)))
    else:
        response = read_own_writes(answer)(request(token))
    assert response.content == str(parse_token(token) if token else 0).encode()
    cookie = response.cookies.get(COOKIE)
    assert (cookie and parse_token(cookie.value)) == expected
    if cookie:
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["max-age"] >= 1
    assert SESSION.get() is None


def test_an_error_leaves_nothing():
    def fail(_request):
        raise LookupError

    with pytest.raises(LookupError):
        read_own_writes(fail)(request())
    assert SESSION.get() is None


class TestReadNewest:
    def test_nothing_older_than_its_beginning(self):
        before_ns = time.monotonic_ns()
        assert SESSION.get() is None
        with read_newest():
            assert before_ns <= SESSION.get().required_ns <= time.monotonic_ns()
        assert SESSION.get() is None

    @pytest.mark.parametrize(("written_ns", "expected"), [(None, None), (2**62, 2**62)])
    def test_only_what_it_writes_counts_for_the_session_around_it(self, written_ns, expected):
        def answer(_request):
            with read_newest():
                if written_ns is not None:
                    SESSION.get().required_ns = written_ns
            return HttpResponse()

        cookie = read_own_writes(answer)(request()).cookies.get(COOKIE)
        assert (cookie and int(cookie.value.partition(".")[2], 16)) == expected
