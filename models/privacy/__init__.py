"""Privacy: retention, anonymisation, a person's data."""
