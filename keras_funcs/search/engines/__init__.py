"""The engines that run a study's jobs."""
