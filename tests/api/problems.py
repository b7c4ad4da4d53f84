"""What every refusal of the API looks like."""

from typing import Any

from django.http import HttpResponse

__all__ = ["read_problem", "walk"]


def read_problem(answer: HttpResponse, status: int) -> dict[str, Any]:
    """Return the body of a refusal, once it has the status and the form of one."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()  # type: ignore[attr-defined]  # of the test client's
    assert body["status"] == status
    assert body["type"] == f"tag:autoforge,2026:{body['code']}"
    return body


def walk(client: Any, path: str, *, limit: int, **query: object) -> list[dict[str, Any]]:
    """Return all items of a list, read page by page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = client.get(path, limit=limit, **query, **more).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items
