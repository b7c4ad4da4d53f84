"""The evaluation engine: plain Python that asks models, scores answers and compares runs.

    formats ──▶ types ◀── providers (ask a model)
                  ▲ ▲
     scorers ─────┘ └──── runner (asks for everything once, within limits) ──▶ statistics

Nothing here knows Django, a database or a prompt's table; `evaluations.services` does.
"""
