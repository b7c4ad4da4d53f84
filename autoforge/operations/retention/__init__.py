"""Rows go when they are old enough: what would go, and deleting it.

`ages` says how long what is kept, `kinds` finds and deletes the rows of each kind through the
services of the app that owns them, `tasks` is what a worker does every hour. What a release gate,
a label, a baseline or a person's judgement rests on stays, whatever its age
(`evaluations.selectors.expired`).
"""
