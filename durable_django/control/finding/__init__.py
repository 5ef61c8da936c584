"""Which executions somebody means: criteria, and the words of a search."""
