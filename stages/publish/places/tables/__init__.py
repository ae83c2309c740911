"""Databases and files of columns: SQLite, PostgreSQL, Parquet."""
