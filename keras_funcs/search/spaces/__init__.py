"""The choices of a search, as a `build(hp)` function declares them."""
