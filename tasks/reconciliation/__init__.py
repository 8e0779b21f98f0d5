"""Both sides compared, and runs replayed."""
