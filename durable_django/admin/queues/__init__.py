"""The pages of queues: the table of all, and what may be done with one."""
