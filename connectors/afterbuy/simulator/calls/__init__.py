"""The calls that the stand-in server answers."""
