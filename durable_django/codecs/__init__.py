"""Shelf of `ports.codec.Codec`: tagged JSON, and the same encrypted."""
