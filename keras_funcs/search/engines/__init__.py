"""Engines: each trains what a study hands over, in its own way."""
