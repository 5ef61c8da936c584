"""The pages of schedules: the list, one of them, its form, and what may be done with it."""
