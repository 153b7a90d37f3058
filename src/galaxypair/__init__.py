"""Pair galaxy images with spectra: one embedding space, from raw survey files to figures."""

__version__ = "0.1.0"
