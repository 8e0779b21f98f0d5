"""What every run of a cycle has: its work, steps, windows, log of calls, secrets, artifacts."""
