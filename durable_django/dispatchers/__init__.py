"""Implementations of ports.Dispatcher: who is told that there is work."""
