"""An app of the site that runs the examples."""
