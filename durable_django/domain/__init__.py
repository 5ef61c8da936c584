"""Facts: frozen values that are true with no database, clock or queue."""
