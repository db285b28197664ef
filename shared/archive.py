"""Backup and restore: one file that holds every service's rows, for SQLite and PostgreSQL alike.

A ZIP file with one entry of JSON lines per table and, last, a manifest with the schema's revisions, the
columns, counts and SHA-256 sums. Each service is read in one snapshot while it runs; services that were read
a moment apart agree again after a restore, because each opens a new epoch (`shared.epochs`) in which it says
all that it has, and the others drop what it does not have any more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from shared import clock, epochs, migrations
from shared.config import Settings
from shared.db import Database, database
from shared.service import Service
from shared.tables import AuditRow, LeaseRow, PositionRow
from shared.uow import SYSTEM, UnitOfWork

FORMAT = 1
MANIFEST, SECRET = "manifest.json", "secret"
BATCH = 500
_LEFT_OUT = {"alembic_version", LeaseRow.__tablename__}
_LEVEL = 3  # of compression: three times as fast as the default, a tenth larger
Say = Callable[[str], None]


class ArchiveError(LookupError):
    """A backup cannot be made or restored; the message says why, and nothing was changed."""


# --- backup ------------------------------------------------------------------------------------------------


def backup(services: Sequence[Service], settings: Settings, target: Path, say: Say) -> None:
    """Write a backup of these services; what stood under the name is replaced once the new one is whole."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            _write(services, settings, file, say)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        _sync(target.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _write(services: Sequence[Service], settings: Settings, file: IO[bytes], say: Say) -> None:
    with ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL))
        # All snapshots are taken first, so that the services are read as of nearly one moment.
        snapshots = [stack.enter_context(_snapshot(service, settings)) for service in services]
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "product": _version(),
            "made_at": clock.rfc3339(clock.now()),
            "secret": _fingerprint(settings.secret),
            "services": {},
        }
        for service, (connection, heads) in zip(services, snapshots, strict=True):
            tables = {
                table.name: _dump(archive, service.name, table, connection) for table in _tables(connection)
            }
            manifest["services"][service.name] = {
                "heads": sorted(heads),
                "log": _kind_of_log(service, settings),
                "tables": tables,
            }
            say(f"{service.name}: {sum(table['rows'] for table in tables.values())} rows")
        kept = settings.home / SECRET
        if not settings.engines and kept.exists():
            archive.writestr(SECRET, kept.read_bytes())
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))


@contextmanager
def _snapshot(service: Service, settings: Settings) -> Iterator[tuple[sa.Connection, set[str]]]:
    held = database(service.name, settings.database_url(service.name))
    if not held.exists():
        raise ArchiveError(f"{service.name} has no database yet: acm migrate {service.name}")
    with held.read() as session:
        connection = session.connection()
        _take_time(connection)
        heads = migrations.present(connection)  # the first read begins the snapshot
        if not heads:
            raise ArchiveError(f"{service.name} has no database yet: acm migrate {service.name}")
        yield connection, heads


def _dump(
    archive: zipfile.ZipFile, service: str, table: sa.Table, connection: sa.Connection
) -> dict[str, Any]:
    digest, rows = hashlib.sha256(), 0
    query = sa.select(table).order_by(*table.primary_key.columns)
    with archive.open(_entry(service, table.name), "w", force_zip64=True) as out:
        for row in connection.execute(query, execution_options={"yield_per": BATCH}):
            line = json.dumps(list(row), default=_plain, ensure_ascii=False, separators=(",", ":")) + "\n"
            digest.update(line.encode())
            out.write(line.encode())
            rows += 1
    return {"columns": [column.name for column in table.columns], "rows": rows, "sha256": digest.hexdigest()}


# --- the archive -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Archive:
    """A backup that is open for reading. Make it with `opened`."""

    file: zipfile.ZipFile
    manifest: dict[str, Any]

    @property
    def made_at(self) -> str:
        """When it was made."""
        return str(self.manifest["made_at"])

    @property
    def product(self) -> str:
        """The version that made it."""
        return str(self.manifest["product"])

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """What it holds of each service: revisions, log and tables."""
        return dict(self.manifest["services"])

    def rows(self, service: str, table: str) -> Iterator[list[Any]]:
        """The rows of a table, in the order of the manifest's columns."""
        with self.file.open(_entry(service, table)) as lines:
            for line in lines:
                yield json.loads(line)

    def check(self) -> None:
        """Read all of it. Raises ArchiveError where it is not what was written."""
        for service, held in self.services.items():
            for table, said in held["tables"].items():
                digest, rows = hashlib.sha256(), 0
                with _or_damaged(f"{service}'s {table}"), self.file.open(_entry(service, table)) as lines:
                    for line in lines:
                        digest.update(line)
                        rows += 1
                if (rows, digest.hexdigest()) != (said["rows"], said["sha256"]):
                    raise ArchiveError(f"the backup is damaged: {service}'s {table} is not what was written")

    def secret(self) -> str | None:
        """The secret of the installation, where it was kept beside the data."""
        with _or_damaged("the secret"):
            return self.file.read(SECRET).decode() if SECRET in self.file.namelist() else None


@contextmanager
def opened(source: Path) -> Iterator[Archive]:
    """Open a backup. Raises ArchiveError when it is none, or of a format that this version does not know."""
    with ExitStack() as stack:
        with _or_damaged("it is no whole archive"):
            file = stack.enter_context(zipfile.ZipFile(source))
            manifest = json.loads(file.read(MANIFEST))
            version = manifest["format"]
        if version != FORMAT:
            raise ArchiveError(f"the backup has the format {version}, this version reads {FORMAT}")
        yield Archive(file, manifest)


@contextmanager
def _or_damaged(what: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(f"the backup is damaged: {what} ({error})") from error


# --- restore -----------------------------------------------------------------------------------------------


def restore(services: Sequence[Service], settings: Settings, archive: Archive, say: Say) -> None:
    """Bring services back to a backup. They must be stopped; others may run.

    All is loaded before anything is replaced, and each service then has either what it had or all of the
    backup. A restore that was cut off is begun again.
    """
    say("reading the backup …")
    archive.check()
    _refuse(services, settings, archive)
    theirs = _other_secret(services, settings, archive)
    now = clock.now()
    with ExitStack() as replaced:
        for service in services:
            held = database(service.name, settings.database_url(service.name))
            epoch = _held_epoch(held)
            staged = _beside if held.is_sqlite else _in_place
            connection = replaced.enter_context(staged(service, held))
            rows = _load(archive, service, connection)
            migrations.upgrade(service, connection)
            _set_sequences(connection)
            with Session(connection, expire_on_commit=False, autoflush=False) as session:
                epoch = _renew(session, archive, service, settings, epoch, now)
                session.commit()  # of the session: the connection's transaction is ended by `staged`
            _set_sequences(connection)  # the new epoch's events have numbers of their own
            say(f"{service.name}: {rows} rows, epoch {epoch}")
        if theirs is not None:
            _keep_secret(settings, theirs)


def _refuse(services: Sequence[Service], settings: Settings, archive: Archive) -> None:
    for service in services:
        if service.name not in archive.services:
            raise ArchiveError(f"the backup holds nothing of {service.name}")
        if not migrations.knows(service, archive.services[service.name]["heads"]):
            raise ArchiveError(
                f"the backup was made by version {archive.product}, whose {service.name} is newer:"
                " restore it with that version"
            )
        held = database(service.name, settings.database_url(service.name))
        if held.is_sqlite:
            _alone(held)
        else:
            _refuse_connected(held)


def _alone(held: Database) -> None:
    """Make the file one without a log beside it. Raises ArchiveError while another process has it open."""
    held.engine.dispose()
    path = _path(held)
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise ArchiveError(f"{held.service} is in use ({error}): stop it first") from error
    except sqlite3.DatabaseError:
        pass  # damaged: the reason to restore it


def _refuse_connected(held: Database) -> None:
    held.engine.dispose()
    others = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = :name AND pid <> pg_backend_pid()"
    )
    with held.engine.connect() as connection:
        if connection.scalar(others, {"name": f"acm {held.service}"}):
            raise ArchiveError(f"{held.service} is running: stop its web and worker processes first")


def _other_secret(services: Sequence[Service], settings: Settings, archive: Archive) -> str | None:
    """The secret to take over, for what the backup has sealed and signed; None where it is ours."""
    if hmac.compare_digest(archive.manifest["secret"], _fingerprint(settings.secret)):
        return None
    kept, theirs = settings.home / SECRET, archive.secret()
    mine_is_kept = not settings.engines and kept.exists() and kept.read_text() == settings.secret
    if theirs is None or not mine_is_kept or {s.name for s in services} != set(archive.services):
        raise ArchiveError(
            "the backup was made under another secret: set ACM_SECRET to the one of that installation"
            f" ({'it is in the backup: unzip -p FILE secret' if theirs else 'the backup does not hold it'})"
        )
    return theirs


def _keep_secret(settings: Settings, secret: str) -> None:
    kept = settings.home / SECRET
    fresh = kept.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secret)
    fresh.replace(kept)


def _held_epoch(held: Database) -> int:
    """The epoch of what is to be replaced; 0 where there is nothing, or nothing that can be read."""
    with suppress(DatabaseError, sqlite3.DatabaseError):
        if held.exists():
            with held.read() as session:
                return epochs.held_epoch(session)
    return 0


@contextmanager
def _beside(service: Service, held: Database) -> Iterator[sa.Connection]:
    """A new file, which takes the place of the old one at the end."""
    path = _path(held)
    fresh = path.with_suffix(".restored")
    _remove(fresh)
    staged = Database(service.name, f"sqlite:///{fresh}")
    try:
        with staged.engine.execution_options(acm_write=True).begin() as connection:
            yield connection
        _alone(staged)
        _sync(fresh)
        _alone(held)
        for log in _logs(path):
            log.unlink(missing_ok=True)  # only a damaged database still has one
        fresh.replace(path)
        _sync(path.parent)
    finally:
        staged.engine.dispose()
        _remove(fresh)


@contextmanager
def _in_place(service: Service, held: Database) -> Iterator[sa.Connection]:
    """The schema emptied, in one transaction with all that follows."""
    migrations.make_schema(held)
    with held.engine.execution_options(acm_write=True).begin() as connection:
        _take_time(connection)
        for name in sa.inspect(connection).get_table_names():
            connection.execute(sa.text(f'DROP TABLE "{name}" CASCADE'))
        yield connection


def _load(archive: Archive, service: Service, connection: sa.Connection) -> int:
    """Make the schema as it was when the backup was made, and fill it; answers how many rows."""
    said = archive.services[service.name]
    migrations.upgrade(service, connection, said["heads"])
    tables = _tables(connection)
    for table in reversed(tables):
        connection.execute(table.delete())  # rows that migrations put there
    for table in tables:
        if table.name in said["tables"]:
            names = said["tables"][table.name]["columns"]
            rows = (
                {name: _rich(table.columns[name], value) for name, value in zip(names, row, strict=True)}
                for row in archive.rows(service.name, table.name)
            )
            for some in _batches(rows):
                connection.execute(table.insert(), some)
    return sum(table["rows"] for table in said["tables"].values())


def _renew(
    session: Session, archive: Archive, service: Service, settings: Settings, epoch: int, now: datetime
) -> int:
    """What a restored service is that its backup was not: in a new epoch, and nowhere in another's log."""
    epoch = epochs.next_epoch(max(epoch, epochs.held_epoch(session)), now)
    epochs.open_epoch(session, service, epoch, now)
    was, is_now = archive.services[service.name]["log"], _kind_of_log(service, settings)
    if (was, is_now) != ("embedded", "embedded"):
        # Positions are those of one log, and a cluster may have been made anew: read all of it again.
        relay = PositionRow.consumer == f"{service.name}.relay"
        keep = relay if was == is_now else sa.false()
        session.execute(sa.delete(PositionRow).where(~keep))
    uow = UnitOfWork(session, now)
    if service.restored is not None:
        service.restored(uow)
    session.add(
        AuditRow(
            at=now,
            actor=SYSTEM,
            action="service.restored",
            subject=service.name,
            details={"epoch": epoch, "backup_of": archive.made_at},
        )
    )
    session.flush()
    return epoch


def _set_sequences(connection: sa.Connection) -> None:
    """Let PostgreSQL number on after the rows that were loaded; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in _tables(connection):
        for key in (column.name for column in table.primary_key if isinstance(column.type, sa.Integer)):
            numbers = f"pg_get_serial_sequence('{table.name}', '{key}')"
            newest = f'SELECT setval({numbers}, max({key})) FROM "{table.name}" HAVING max({key}) > 0'
            connection.execute(sa.text(newest))


# --- rows as JSON ------------------------------------------------------------------------------------------


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """The tables as they are, whatever this version's models say; those that others refer to come first."""
    found = sa.MetaData()
    found.reflect(connection)
    for column in (column for table in found.tables.values() for column in table.columns):
        if isinstance(column.type, sa.JSON):
            column.type.none_as_null = bool(column.nullable)
    return [table for table in found.sorted_tables if table.name not in _LEFT_OUT]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no place in a backup")


def _rich(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, sa.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, sa.Date):
        return date.fromisoformat(value)
    if isinstance(column.type, sa.LargeBinary):
        return base64.b64decode(value)
    if isinstance(column.type, sa.Numeric) and isinstance(value, str):
        return Decimal(value)
    return value


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(row)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some


# --- files and names ---------------------------------------------------------------------------------------


def _entry(service: str, table: str) -> str:
    return f"{service}/{table}.jsonl"


def _kind_of_log(service: Service, settings: Settings) -> str:
    return settings.log_url(service.name).partition(":")[0]


def _fingerprint(secret: str) -> str:
    return hmac.new(secret.encode(), b"acm backup", hashlib.sha256).hexdigest()


def _version() -> str:
    try:
        return metadata.version("acm")
    except metadata.PackageNotFoundError:
        return "unknown"


def _take_time(connection: sa.Connection) -> None:
    """PostgreSQL: this transaction may be long. `acm` is the only client that waits for it."""
    if connection.dialect.name == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(sa.text(f"SET LOCAL {limit} = 0"))


def _path(held: Database) -> Path:
    return Path(str(held.engine.url.database))


def _logs(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _remove(path: Path) -> None:
    for file in (path, *_logs(path)):
        file.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
