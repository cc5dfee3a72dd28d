"""The results of a study, read from its folder, and how they are shown."""
