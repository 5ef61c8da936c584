"""Start workflows by the clock: when a schedule ticks, and what is done then. Imports no Django."""
