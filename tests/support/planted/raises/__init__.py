"""An atomic migration that raises at its end, where there are rows."""
