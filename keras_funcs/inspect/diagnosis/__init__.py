"""Finds mistakes in a model before it trains."""
