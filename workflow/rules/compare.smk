# Published values beside the run's own.
