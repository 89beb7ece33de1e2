"""Microphones and speakers: ALSA, programs and files behind the same two ports, and the two audio threads."""
