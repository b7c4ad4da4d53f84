"""Traces: each call of a model as a span, to Langfuse and to any collector of OpenTelemetry.

    evaluations.observing ──▶ observer ──▶ one sender per destination (queue, thread)
                                                └──▶ spans (protobuf) ──▶ POST

`destinations` says where to; without one, nothing else here is imported. `spans` alone knows
protobuf, and is imported by a sender's thread when there is a first call to tell.
"""
