"""Turso's Platform API: groups, databases, their tokens and what they use.

`api` (requests and typed answers) ◀── `databases`, `tokens`, `usage` (what the commands do);
`trial` tries a token against its database, `destinations` says where a token is written, `login`
keeps the platform token, `names` and `locations` check what is typed before anything is sent.
"""
