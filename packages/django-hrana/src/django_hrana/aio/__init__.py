"""Asynchronous queries without a thread for each: `objects = aio.Manager()`."""

from django_hrana.aio.connections import close_connections
from django_hrana.aio.querysets import Manager, QuerySet, QuerySetMixin

__all__ = ["Manager", "QuerySet", "QuerySetMixin", "close_connections"]
