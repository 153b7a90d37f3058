"""Encoders of images and spectra, each with the input preprocessing that belongs to it."""
