"""Arithmetic on sound: no device, no clock, no thread."""
