"""Sample data of the stand-in server."""
