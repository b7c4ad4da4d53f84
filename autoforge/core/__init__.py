"""What both domains share: abstract model bases, application errors, JSON types."""
