"""What the roles may do with webhooks: an address may hold a password, so only one sees them."""

from typing import Final

__all__ = ["PERMISSIONS"]

PERMISSIONS: Final = {
    "Administrator": (
        "view_webhookendpoint",
        "add_webhookendpoint",
        "change_webhookendpoint",
        "delete_webhookendpoint",
        "view_webhookdelivery",
        "change_webhookdelivery",
    ),
}
