"""The ASGI door. It holds no logic but the refusal of a wrong environment and of large bodies."""

import os

from autoforge.web.app_loader import load_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")

application = load_application("autoforge.web.body_limits:get_limited_application")
