"""Where the audit log is kept: one table of entries, in SQLite or PostgreSQL."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    SQLAlchemyError,
)

from endolink.model.errors import AuditUnavailable, ExtraMissing
from endolink.serving.audit.checkpoint import Checkpoint
from endolink.serving.audit.entry import Entry

_METADATA = MetaData()
# Without a chain of its own, two services that share a database would each break the other's.
_ENTRIES = Table(
    "audit_entries",
    _METADATA,
    Column("chain", String(64), primary_key=True),
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
_CHECKPOINTS = Table(
    "audit_checkpoints",
    _METADATA,
    Column("chain", String(64), primary_key=True),
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)
# Up to where a chain was removed on purpose; nothing else may be deleted.
_PRUNED = Table(
    "audit_pruned",
    _METADATA,
    Column("chain", String(64), primary_key=True),
    Column("through", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
)

# Against mistakes and careless tools: whoever owns the database can drop a trigger, and only the
# chain and its signatures tell.
_SQLITE_TRIGGERS: Final = (
    """CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit_entries
WHEN NOT EXISTS (
    SELECT 1 FROM audit_pruned WHERE chain = OLD.chain AND through >= OLD.sequence
)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)
_POSTGRESQL_TRIGGERS: Final = (
    """CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT 1 FROM audit_pruned WHERE chain = OLD.chain AND through >= OLD.sequence
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END $$""",
    """CREATE OR REPLACE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entries
FOR EACH ROW EXECUTE FUNCTION audit_append_only()""",
)
_ROWS_AT_A_TIME: Final = 5000
_BUSY_SECONDS: Final = 10


class Store:
    """An open database of audit chains. Safe for one writer a chain, and any number of readers."""

    def __init__(self, engine: Engine, *, quick: bool = False) -> None:
        self.quick = quick
        self._engine = engine
        self._insert_entry = _Insert(_ENTRIES, engine)
        self._insert_checkpoint = _Insert(_CHECKPOINTS, engine)

    @classmethod
    def open(cls, where: str, *, durable: bool = False, create: bool = True) -> Self:
        """Open `where`: a path of an SQLite file, or `postgresql://user@host/database`.

        What is committed survives the process. With `durable` it survives a loss of power, too, at
        the price of a wait for the disk; PostgreSQL decides that by its own configuration.

        Raises
        ------
        AuditUnavailable
            There is no database, and none can be made.
        ExtraMissing
            PostgreSQL is asked for, and its driver is not installed.
        """
        url = _url(where)
        if url.drivername == "sqlite" and not create and not Path(url.database or "").is_file():
            raise AuditUnavailable(f"{where}: there is no audit log")
        try:
            engine = create_engine(url)
        except ModuleNotFoundError as error:
            raise ExtraMissing(
                "PostgreSQL needs the postgresql extra; pip install 'endolink[postgresql]' brings "
                "it."
            ) from error
        if url.drivername == "sqlite":
            event.listen(engine, "connect", _Pragmas(durable=durable))
        try:
            _METADATA.create_all(engine)
            with engine.begin() as connection:
                sqlite = engine.dialect.name == "sqlite"
                for trigger in _SQLITE_TRIGGERS if sqlite else _POSTGRESQL_TRIGGERS:
                    connection.execute(text(trigger))
        except SQLAlchemyError as error:
            engine.dispose()
            raise _unavailable(error) from error
        # Where a commit is a write into memory that the system keeps, and a wait for nothing.
        return cls(engine, quick=url.drivername == "sqlite" and not durable)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def append(
        self, chain: str, entries: Sequence[Entry], checkpoint: Checkpoint | None = None
    ) -> None:
        """Write `entries`, and `checkpoint` with them: all, or none.

        Raises
        ------
        AuditUnavailable
            The database cannot be written, or somebody else has written to the chain.
        """
        driver = self._engine.dialect.dbapi
        assert driver is not None
        try:
            # The driver itself, and statements that were compiled once: an answer waits for this.
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                for entry in entries:
                    self._insert_entry(cursor, chain, entry)
                if checkpoint:
                    self._insert_checkpoint(cursor, chain, checkpoint)
                connection.commit()
            except driver.Error:
                try:
                    connection.rollback()
                except driver.Error:
                    # It is the connection that failed: the next entry has another.
                    connection.invalidate()
                raise
            finally:
                connection.close()
        except driver.IntegrityError as error:
            raise AuditUnavailable(
                f"another service writes to the audit chain {chain!r}; give each a chain of its own"
            ) from error
        except (SQLAlchemyError, driver.Error) as error:
            raise _unavailable(error) from error

    def chains(self) -> tuple[str, ...]:
        """Name the chains that have entries."""
        with self._reading() as connection:
            return tuple(connection.scalars(select(_ENTRIES.c.chain).distinct().order_by("chain")))

    def count(self, chain: str) -> int:
        """Count the entries of a chain."""
        with self._reading() as connection:
            counted = select(func.count()).select_from(_ENTRIES).where(_ENTRIES.c.chain == chain)
            return connection.scalar(counted) or 0

    def entries(self, chain: str, after: int = 0, *, through: int | None = None) -> Iterator[Entry]:
        """Give a chain's entries beyond `after` in order, a few thousand in memory at a time.

        With `through` they end with that one.
        """
        wanted = (
            select(_ENTRIES)
            .where(_ENTRIES.c.chain == chain, _ENTRIES.c.sequence > after)
            .order_by(_ENTRIES.c.sequence)
            .execution_options(yield_per=_ROWS_AT_A_TIME)
        )
        if through is not None:
            wanted = wanted.where(_ENTRIES.c.sequence <= through)
        with self._reading() as connection:
            for row in connection.execute(wanted):
                yield Entry(row.sequence, row.at, row.kind, row.body, bytes(row.hash))

    def last(self, chain: str) -> Entry | None:
        """Give the last entry of a chain."""
        wanted = (
            select(_ENTRIES)
            .where(_ENTRIES.c.chain == chain)
            .order_by(_ENTRIES.c.sequence.desc())
            .limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(wanted).first()
        return Entry(row.sequence, row.at, row.kind, row.body, bytes(row.hash)) if row else None

    def checkpoints(self, chain: str) -> list[Checkpoint]:
        """Give a chain's checkpoints in order."""
        wanted = (
            select(_CHECKPOINTS)
            .where(_CHECKPOINTS.c.chain == chain)
            .order_by(_CHECKPOINTS.c.sequence)
        )
        with self._reading() as connection:
            return [_checkpoint(row) for row in connection.execute(wanted)]

    def prune(self, chain: str, through: int) -> int:
        """Remove a chain's entries up to `through`, and the checkpoints before that; count them.

        Raises
        ------
        AuditUnavailable
            The database cannot be written.
        """
        old = (_ENTRIES.c.chain == chain) & (_ENTRIES.c.sequence <= through)
        past = (_CHECKPOINTS.c.chain == chain) & (_CHECKPOINTS.c.sequence < through)
        mark = (_PRUNED.c.chain == chain) & (_PRUNED.c.through <= through)
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(_PRUNED).where(mark))
                connection.execute(insert(_PRUNED).values(chain=chain, through=through))
                gone = connection.execute(delete(_ENTRIES).where(old)).rowcount
                connection.execute(delete(_CHECKPOINTS).where(past))
                return gone
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    def _reading(self) -> Connection:
        try:
            return self._engine.connect()
        except SQLAlchemyError as error:
            raise _unavailable(error) from error


class _Insert:
    """One INSERT, compiled once, for whichever database it is."""

    def __init__(self, table: Table, engine: Engine) -> None:
        compiled = insert(table).compile(dialect=engine.dialect)
        self._statement = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        assert self._names[0] == "chain"

    def __call__(self, cursor: Any, chain: str, item: Entry | Checkpoint) -> None:
        values = (chain, *(getattr(item, name) for name in self._names[1:]))
        cursor.execute(self._statement, values)


class _Pragmas:
    """How SQLite is to work: readers beside the writer, and a commit that costs little."""

    def __init__(self, *, durable: bool) -> None:
        self._synchronous = "FULL" if durable else "NORMAL"

    def __call__(self, connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            f"busy_timeout = {_BUSY_SECONDS * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where)
    except ArgumentError as error:
        # The address may hold a password: not a letter of it.
        raise AuditUnavailable("the address of the audit log's database is not one") from error
    if url.drivername != "postgresql":
        raise AuditUnavailable(
            "the audit log is kept in an SQLite file, or at an address postgresql://..."
        )
    # pg8000, not psycopg: its licence is BSD.
    return url.set(drivername="postgresql+pg8000")


def _unavailable(error: Exception) -> AuditUnavailable:
    # The driver's own words, and not SQLAlchemy's, which quote the statement and its values.
    said: object = error
    if isinstance(error, SQLAlchemyError):
        said = error.orig if isinstance(error, DBAPIError) and error.orig else type(error).__name__
    if said and not isinstance(said, str) and type(said).__module__.startswith("pg8000"):
        fields = next(iter(getattr(said, "args", ())), "")
        said = fields.get("M", "") if isinstance(fields, dict) else type(said).__name__
    return AuditUnavailable(f"the audit log cannot be used: {said}")


def _checkpoint(row: Row[Any]) -> Checkpoint:
    return Checkpoint(row.sequence, row.at, bytes(row.hash), row.key_id, bytes(row.signature))
