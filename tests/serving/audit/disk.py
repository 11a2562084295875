"""A disk that can be full, for an audit log in SQLite alone."""

from sqlite3 import Connection

from sqlalchemy import event

from endolink.serving.audit.store import Store


class Disk:
    """Bounds the database's pages by SQLite's own rule, which gives the very error of a full disk.

    The rule is each connection's own, and every thread that writes may have one: so each is told
    whenever it is used.
    """

    def __init__(self, store: Store) -> None:
        self.full = False
        event.listen(store._engine, "checkout", self._bound)

    def _bound(self, connection: Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {1 if self.full else 1_000_000}")
