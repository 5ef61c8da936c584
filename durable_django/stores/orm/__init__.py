"""The CheckpointStore on Django's ORM, one subject per file; `store` is its door.

Nothing is imported here: `apps` reaches into this package before models may be loaded.
"""
