"""Programs that show a person what the satellite does."""
