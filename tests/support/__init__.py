"""What tests share: real servers (PostgreSQL, mail, Prefect, a browser), prepared rows, races and storms."""
