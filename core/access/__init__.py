"""Who may call the API: its keys, its own access tokens, and the session tokens of Clerk."""
