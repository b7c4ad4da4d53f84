"""Errors to a server that speaks Sentry's protocol: Sentry itself, GlitchTip, Bugsink.

    handler (the log's errors) ──▶ events ──▶ envelopes ──▶ autoforge.tracing.sender

Nothing of it is loaded without SENTRY_DSN.
"""
