"""Every write to the tables of access: keys, people at first sight, answers to repeat."""

from core.access.services.answers import (
    find_answer,
    forget_answers,
    list_old_answers,
    store_answer,
)
from core.access.services.keys import (
    DEFAULT_REQUESTS,
    OVERLAP,
    KeyRefusedError,
    NewKey,
    check_new_key,
    create_key,
    edit_key,
    find_key,
    record_use,
    revoke_key,
    rotate_key,
)
from core.access.services.people import PersonRefusedError, find_person

__all__ = [
    "DEFAULT_REQUESTS",
    "OVERLAP",
    "KeyRefusedError",
    "NewKey",
    "PersonRefusedError",
    "check_new_key",
    "create_key",
    "edit_key",
    "find_answer",
    "find_key",
    "find_person",
    "forget_answers",
    "list_old_answers",
    "record_use",
    "revoke_key",
    "rotate_key",
    "store_answer",
]
