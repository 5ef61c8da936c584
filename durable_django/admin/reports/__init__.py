"""How all of them are: workflows and health."""
