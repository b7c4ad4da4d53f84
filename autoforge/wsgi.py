"""The WSGI door for gunicorn. It holds no logic but the refusal of a wrong environment."""

import os

from autoforge.web.app_loader import load_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")

application = load_application("django.core.wsgi:get_wsgi_application")
