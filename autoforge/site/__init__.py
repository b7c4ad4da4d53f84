"""The admin site as a whole: its configuration, its front page, who is logged in."""
