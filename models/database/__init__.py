"""The database: engine, session, schema, column types, bulk statements, who acted."""
