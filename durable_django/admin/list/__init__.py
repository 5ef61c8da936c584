"""Which executions there are: the list, its search, filters and counts."""
