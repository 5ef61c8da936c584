"""The commands, found by Django by their file names."""
