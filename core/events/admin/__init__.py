"""Pages of webhooks: endpoints, and the log of what was sent to them."""

from core.events.admin.deliveries import WebhookDeliveryAdmin
from core.events.admin.endpoints import WebhookEndpointAdmin

__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
