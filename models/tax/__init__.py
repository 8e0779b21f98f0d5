"""Tax: which tax law a supply falls under; pure functions."""
