"""Alembic's entry: one transaction for each revision, on the connection of the given address."""

import importlib
import pkgutil

from alembic import context
from sqlmodel import SQLModel

import models
from models.db import get_engine

for module in pkgutil.iter_modules(models.__path__):
    if module.name != "migrations":
        importlib.import_module(f"models.{module.name}")

with get_engine(context.config.attributes["url"]).connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
