"""The schema: how far it is, read from file names alone."""

from models.database.schema import migration_config, newest_revision


def test_the_head_is_the_last_file() -> None:
    """The quick look at file names agrees with Alembic."""
    from alembic.script import ScriptDirectory

    assert newest_revision() == ScriptDirectory.from_config(migration_config("sqlite://")).get_current_head()
