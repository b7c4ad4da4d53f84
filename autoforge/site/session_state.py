"""Who is logged in, for a form that was open for long: it asks before it sends what was typed."""

from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

__all__ = ["session_state"]


@require_GET
@never_cache
def session_state(request: HttpRequest) -> JsonResponse:
    """Answer with the key and the name of the user, null where nobody is, and a fitting token.

    The token alone lets nobody in: it counts only together with the cookie of the same browser.
    """
    user = request.user
    if not (user.is_active and user.is_staff):
        return JsonResponse({"user": None, "name": "", "token": ""})
    answer = {"user": str(user.pk), "name": user.get_username(), "token": get_token(request)}
    return JsonResponse(answer)
