"""The database: engine, the tables Alembic knows, migrations. SQL itself stands in the records."""
