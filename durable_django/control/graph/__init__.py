"""How the calls of an execution follow each other."""
