"""What the roles may do with API keys: they are the Administrator's alone."""

from typing import Final

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final = {
    "Administrator": ("view_apikey", "add_apikey", "change_apikey"),
}
