"""Needs: what the engine asks of the outside world, one noun per file."""
