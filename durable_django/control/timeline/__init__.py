"""When an execution did what: rows, segments and marks, and their picture."""
