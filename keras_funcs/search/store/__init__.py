"""The folder of a study: names, shapes and safe writing of its files."""
