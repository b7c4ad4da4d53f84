"""People of the identity provider: made at first sight, with the role that their token gives.

The token decides anew each time: a role that was taken away at Clerk is gone here with the next
token, a minute later. Groups that are no roles, which somebody gave a person in the admin, stay.
"""

from typing import Final

from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, transaction
from django.db.models import Q

from core.access.callers import Caller
from core.access.clerk import ClerkClaims
from core.access.known import remember_caller
from core.errors import ApplicationError, NotFoundError
from core.roles import ROLES

__all__ = ["REQUESTS_PER_MINUTE", "PersonRefusedError", "find_person"]

REQUESTS_PER_MINUTE: Final = 600
LONGEST_NAME: Final = 150  # of Django's user names


class PersonRefusedError(ApplicationError):
    """The person is known and may do nothing here."""


def find_person(claims: ClerkClaims) -> Caller:
    """Return the person of a session token, with the permissions of its role.

    Raises:
        NotFoundError: the person works in another organization: nothing of ours is there for them.
        PersonRefusedError: the person has no role here, or was locked out in the admin.
    """
    _check_organization(claims)
    if claims.role is None:
        raise PersonRefusedError("access.no-role")
    if len(claims.subject) > LONGEST_NAME:
        raise PersonRefusedError("access.long-subject", limit=LONGEST_NAME)
    role = claims.role
    caller = remember_caller(
        f"person {role} {claims.subject}", lambda: _load_person(claims.subject, role)
    )
    if caller is None:
        raise PersonRefusedError("access.inactive")
    return caller


def _check_organization(claims: ClerkClaims) -> None:
    if claims.organization_id is None:
        return
    if not settings.CLERK_ORGANIZATION:
        # Whoever can sign up could make an organization, and be its administrator.
        raise PersonRefusedError("access.organization-not-set")
    if claims.organization_id != settings.CLERK_ORGANIZATION:
        raise NotFoundError("access.other-organization")


def _load_person(subject: str, role: str) -> Caller | None:
    user = User.objects.filter(username=subject).first()
    if user is None:
        user = _make_person(subject)
    if not user.is_active:
        return None
    _give_role(user, role)
    rows = Permission.objects.filter(Q(group__user=user) | Q(user=user))
    permissions = rows.values_list("content_type__app_label", "codename").distinct()
    return Caller(
        kind="person",
        identity=f"user:{subject}",
        name=subject,
        role=role,
        permissions=frozenset(f"{app}.{codename}" for app, codename in permissions),
        requests_per_minute=REQUESTS_PER_MINUTE,
    )


def _make_person(subject: str) -> User:
    """Return the new user: one without a password, who cannot log in to the admin."""
    try:
        with transaction.atomic():
            user = User(username=subject)
            user.set_unusable_password()
            user.save()
    except IntegrityError:  # another request of theirs was first
        return User.objects.get(username=subject)
    return user


def _give_role(user: User, role: str) -> None:
    """Let the person have this role and no other."""
    current = set(user.groups.filter(name__in=ROLES).values_list("name", flat=True))
    if current == {role}:
        return
    with transaction.atomic():
        user.groups.remove(*Group.objects.filter(name__in=current - {role}))
        user.groups.add(Group.objects.get(name=role))
