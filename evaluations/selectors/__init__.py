"""What reads evaluations for pages and reports: one query each, whatever the number of rows."""
