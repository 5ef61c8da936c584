"""The endpoints, one subject per file."""
