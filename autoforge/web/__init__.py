"""What a request meets before and after the pages: limits, who asks, lockout, pages of errors."""
