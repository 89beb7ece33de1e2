"""The vocabulary every other part shares: audio, events, errors, ports. No device, socket, clock or thread."""
