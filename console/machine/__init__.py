"""Everything that runs on this machine: processes, Prefect's surroundings."""
