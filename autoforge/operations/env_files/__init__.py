"""Files of variables: made, checked, filled and compared; nothing of it loads the settings."""
