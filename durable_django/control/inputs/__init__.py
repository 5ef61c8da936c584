"""What a workflow takes: as a schema, as a form, and made of JSON."""
