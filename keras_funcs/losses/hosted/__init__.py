"""Losses that learn, and the model that hosts them."""
