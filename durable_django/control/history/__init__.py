"""All that happened to an execution, in one order."""
