"""Tables of a registry in PostgreSQL, in a separate schema, and their migrations.

records   number, text (canonical JSON), hash (of the chain); indexed columns are computed from the text, so
          that they cannot differ from the hashed text
vectors   number, embedding, vector; the text holds the vector's hash
renditions number, file (WebP, of the original); the text holds its hash
head      one row: count and hash; writers lock it, so numbers have no gaps
about     one row: version of the tables
"""

from __future__ import annotations

from underdrawing.registry.queries import INDEXED_PATHS, KEY_DIGITS

SCHEMA = "underdrawing"
MIGRATION_LOCK = 0x554E4472
"""Key of the advisory lock held while tables are made or migrated."""
_PATHS = {name: "{" + path.replace(".", ",") + "}" for name, path in INDEXED_PATHS.items()}
_COMPUTED = ",\n".join(
    f"""{name} text COLLATE "C" GENERATED ALWAYS AS (left(text::jsonb #>> '{path}', {KEY_DIGITS})) STORED"""
    for name, path in _PATHS.items()
)
_INDEXES = "".join(f"CREATE INDEX records_{name} ON {SCHEMA}.records ({name});\n" for name in INDEXED_PATHS)


def _append_only(*tables: str) -> str:
    return "".join(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {SCHEMA}.{table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse();\n"
        for table in tables
    )


MIGRATIONS = (
    f"""
    CREATE SCHEMA {SCHEMA};
    CREATE TABLE {SCHEMA}.about (version integer NOT NULL);
    INSERT INTO {SCHEMA}.about VALUES (0);
    CREATE TABLE {SCHEMA}.records (
        number bigint PRIMARY KEY, text text NOT NULL, hash bytea NOT NULL,
        {_COMPUTED}
    );
    {_INDEXES}
    CREATE TABLE {SCHEMA}.vectors (
        number bigint PRIMARY KEY REFERENCES {SCHEMA}.records, embedding text NOT NULL, vector bytea NOT NULL
    );
    CREATE TABLE {SCHEMA}.head (
        one integer PRIMARY KEY CHECK (one = 1), count bigint NOT NULL, hash bytea NOT NULL
    );
    INSERT INTO {SCHEMA}.head VALUES (1, 0, decode(repeat('00', 32), 'hex'));
    CREATE FUNCTION {SCHEMA}.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'records are never changed'; END $$;
    {_append_only("records", "vectors")}
    """,
    f"""
    CREATE TABLE {SCHEMA}.renditions (
        number bigint PRIMARY KEY REFERENCES {SCHEMA}.records, file bytea NOT NULL
    );
    ALTER TABLE {SCHEMA}.renditions ALTER COLUMN file SET STORAGE EXTERNAL;
    {_append_only("renditions")}
    """,
)
"""Item n migrates the tables from version n to n + 1; all in one transaction."""
