"""Formats of reports: one file each, with a `FORMAT`. Nothing else has to know of it.

The file's name is the format's; what several of them need is in `evaluations.reporting.rows`,
`notes` and `figures`.
"""
