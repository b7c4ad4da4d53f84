"""An app whose migrations are slow, are not atomic, or fail on purpose.

`manage.py` of this folder is AutoForge's with this app: PLANTED names the folder of its migrations.
"""
