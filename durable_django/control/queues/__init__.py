"""Queues for people: what they see of them, and what they may do with them."""
