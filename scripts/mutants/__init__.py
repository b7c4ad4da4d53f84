"""Small changes of deciding code, and whether its tests notice them."""
