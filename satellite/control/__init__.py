"""Talking to the running satellite over a Unix socket: its server, the client, what can be set, the status page."""
