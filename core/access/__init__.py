"""Who calls the API and what they may: API keys, people of Clerk, access tokens."""
