"""How we speak HTTP, whatever the project has set for REST framework."""
