"""The network: Wyoming frames and events, the server that Home Assistant connects to, and how it finds us."""
