"""Four persons' ways from a fresh environment to their results."""
