"""All that knows KerasTuner beyond its documented functions."""
