"""Satellite: the ears and voice of Home Assistant."""

__version__ = "0.1.0"
