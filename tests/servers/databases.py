"""PostgreSQL, and a SQLite file."""

import signal
import subprocess
import tempfile
from pathlib import Path

from tests.servers.server import Name, Server, program

HOMES = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


class PostgresServer(Server):
    """Debian's PostgreSQL, a cluster of its own; it is run by the user postgres, since root must not."""

    user = "postgres"

    def prepare(self) -> None:
        initdb = program("initdb", *HOMES)
        # pytest's folders are closed to its user.
        self._home = tempfile.TemporaryDirectory(prefix="framewire-postgres-")
        self.folder = Path(self._home.name)
        self.folder.chmod(0o777)
        data = str(self.folder / "data")
        self._set_up([initdb, "-D", data, "-U", "test", "--auth=trust", "--no-sync"])
        # Rows lie where there is room, not in the order in which they came: a number tells it. Nobody is there yet.
        self._set_up(
            [program("postgres", *HOMES), "--single", "-D", data, "postgres"], b"CREATE TABLE test(n bigserial)"
        )

    def _set_up(self, command: list[str], told: bytes = b"") -> None:
        nowhere = subprocess.DEVNULL
        subprocess.run(
            command, check=True, input=told, stdout=nowhere, stderr=nowhere, preexec_fn=self.as_user(), cwd="/"
        )

    def close(self) -> None:
        super().close()
        self._home.cleanup()

    def command(self) -> list[str]:
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self.folder)]
        return [program("postgres", *HOMES), "-D", str(self.folder / "data"), *place]

    def stop(self, kill: bool = False) -> None:
        """At once, without waiting for its clients: the middle of a transaction is as good as any moment."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def url(self) -> str:
        return f"postgresql://test@127.0.0.1:{self.port}/postgres"

    def received(self) -> list[Name]:
        import psycopg

        with psycopg.connect(self.url()) as db:
            found = db.execute(
                "SELECT 1 FROM information_schema.columns WHERE table_name = 'test' AND column_name = 'seq'"
            ).fetchall()
            return db.execute("SELECT run, stream, seq FROM test ORDER BY n").fetchall() if found else []

    def listens(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
