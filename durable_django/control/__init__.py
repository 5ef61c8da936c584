"""What the admin and the REST API have in common: who may, what is found, what is shown."""
