"""Sound as files and streams hold it."""
