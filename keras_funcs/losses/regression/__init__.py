"""Losses on numbers and boxes."""
