"""One execution: why it stands where it stands, and everything that is its own."""
