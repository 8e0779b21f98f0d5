"""Real servers for tests: PostgreSQL, a mail server, Prefect and a browser."""
