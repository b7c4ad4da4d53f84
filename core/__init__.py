"""The ground: what both apps stand on, and no domain. It imports nothing that lies above it."""
