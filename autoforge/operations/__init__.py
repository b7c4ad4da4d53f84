"""What keeps an installation running: env files, Turso, backups, migrations.

A room each; their commands are in `autoforge/management/commands/`, and only read arguments, call
and print.
"""
