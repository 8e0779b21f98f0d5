"""Upkeep: backup, after a restore, pruning, status."""
