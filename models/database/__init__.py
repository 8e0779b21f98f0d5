"""The database: everything that SQLite and PostgreSQL do differently is hidden here.

Entry points: `session` (sessions and transactions), `engine`, `schema` (upgrade, downgrade), `columns`
(column types), `conditions` (long IN lists), `bulk` (multi-row statements), `provenance` (a row's run).
May import no other package.
"""
