"""One training run, and the checks before the first."""
