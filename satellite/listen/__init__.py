"""Hearing: from frames to events. Time is a sample index; no device, no clock, no thread."""
