"""Actions on many rows: `jobs` does them, `pages` shows them, `actions` says what one is."""
