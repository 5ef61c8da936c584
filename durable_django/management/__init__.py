"""Commands for a shell: one verb each, all prefixed `durable_`."""
