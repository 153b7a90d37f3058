# Where zero-shot predictions are good and where not, and their intervals for single galaxies.
