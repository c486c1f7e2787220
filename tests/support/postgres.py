"""A real PostgreSQL server on a Unix socket, of its own; it dies with the test, also when that is killed.

    with Postgres().start() as pg:
        pg.sql("CREATE DATABASE ymgr", database="postgres")   # as a superuser; what psql prints
        pg.psql("-f", "file.sql")                             # PGHOST, PGPORT and the like in pg.env
        pg.crash().serve()                                    # stopped at once; started again

With tls=True it listens on 127.0.0.1, too, as "localhost" (pg.tls: what a client needs for verify-full). With replicas=True a
standby may follow it: pg.standby(), and take over: promote(). With disk="200m" its data have no more room than that (pg.disk).

    with Pooler(pg, "session") as pooler:                     # PgBouncer before it, at pooler.folder and Pooler.PORT
"""

import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from harness import PATH, free_port, openssl, run, wait_for
from small_disk import SmallDisk

NOBODY = pwd.getpwnam("nobody") if os.getuid() == 0 else None  # PostgreSQL and PgBouncer refuse root
AS_NOBODY = ["setpriv", "--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups"] if NOBODY else []

PROGRAMS = pathlib.Path(max(glob.glob("/usr/lib/postgresql/*/bin"), default="/PostgreSQL is not installed"))
ALONE = {"wal_level": "minimal", "max_wal_senders": "0"}
QUICK = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
}
LITTLE_LOG = {"min_wal_size": "32MB", "max_wal_size": "48MB"}  # what stands in the data's way on a small disk


def start_server(words, folder, disk=None):
    """As nobody when we are root; it dies with us."""
    with open(folder / "log", "ab") as log:
        return subprocess.Popen(
            [*(disk.inside if disk else AS_NOBODY), "setpriv", "--pdeathsig", "QUIT", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )


class Postgres:
    def __init__(self, database="ymgr", tls=False, replicas=False, disk=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-pg-"))  # a socket's path is short
        port = str(free_port()) if tls else "5432"
        self.env = {"PATH": PATH, "LANG": "C.UTF-8", "PGHOST": str(self.folder), "PGPORT": port}
        self.env |= {"PGUSER": "postgres", "PGDATABASE": database}
        self.tls = {}
        if tls:
            self.tls = {"PGHOST": "localhost", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.folder / "server.crt")}
        self.settings = dict(QUICK) if replicas else QUICK | ALONE
        self.data = self.folder / "data"
        self.disk_size, self.disk = disk, None
        if disk:
            self.settings |= LITTLE_LOG
        self.process = None
        self.owner = {}
        if NOBODY:
            os.chown(self.folder, NOBODY.pw_uid, NOBODY.pw_gid)
            self.folder.chmod(0o711)  # root on a small disk is nobody's root
            self.owner = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        if self.disk_size:
            self.data.mkdir()
            self.disk = SmallDisk(self.data, self.disk_size, AS_NOBODY)
            self.data = self.disk.root
        words = ["-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        inside = self.disk.inside if self.disk else AS_NOBODY
        subprocess.run([*inside, PROGRAMS / "initdb", *words], check=True, capture_output=True, cwd=self.folder)
        # Everybody but the superuser shows a password.
        rules = ["local all postgres trust", "local replication postgres trust", "local all all scram-sha-256"]
        (self.data / "pg_hba.conf").write_text("\n".join([*rules, "hostssl all all all scram-sha-256", ""]))
        if self.tls:
            self._make_certificate()
        return self.serve()

    def _make_certificate(self):
        key, certificate = self.folder / "server.key", self.folder / "server.crt"
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *kind, *names, "-keyout", key, "-out", certificate)
        if self.owner:
            os.chown(key, self.owner["user"], self.owner["group"])
        self.settings |= {"listen_addresses": "127.0.0.1", "ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key}

    def serve(self):
        """Starts on the data that are there."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)  # of the one before
        settings = {"port": self.env["PGPORT"], **self.settings}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = start_server([PROGRAMS / "postgres", "-D", self.folder / "data", "-k", self.folder, *options], self.folder, self.disk)
        wait_for(self._ready, f"PostgreSQL: {self.folder}/log")
        return self

    def _ready(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        state = self.data / "postmaster.pid"
        return state.exists() and "ready" in state.read_text()

    def psql(self, *words, database=None, **how):
        env = {**self.env, **({"PGDATABASE": database} if database else {})}
        return run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words], env=env, **how).stdout.strip()

    def sql(self, text, **how):
        return self.psql("-c", text, **how)

    def standby(self):
        """Another server that follows this one."""
        other = Postgres(self.env["PGDATABASE"], replicas=True)
        where = ["-h", self.folder, "-p", self.env["PGPORT"], "-U", "postgres"]
        words = [*where, "-D", other.folder / "data", "-R", "-c", "fast", "-N"]
        subprocess.run([PROGRAMS / "pg_basebackup", *words], check=True, capture_output=True, cwd=other.folder, **other.owner)
        return other.serve()

    def promote(self):
        self.sql("SELECT pg_promote()", database="postgres")

    def crash(self):
        if self.process:
            self.process.send_signal(3)  # PostgreSQL's "at once"
            self.process.wait()
            self.process = None
        return self

    def kill(self):
        self.crash()
        if self.disk:
            self.disk.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pooler:
    """PgBouncer as README says: roles that come and go show it their own password, whose verifier it asks the server for."""

    PORT = "6432"
    SQL = """
CREATE ROLE pooler LOGIN PASSWORD 'pooler';
GRANT CONNECT ON DATABASE ymgr TO pooler;
CREATE FUNCTION public.verifier(login TEXT) RETURNS TABLE (name NAME, verifier TEXT) LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS
$$ SELECT rolname, rolpassword FROM pg_authid WHERE rolname = login AND rolcanlogin AND NOT rolsuper $$;
REVOKE ALL ON FUNCTION public.verifier FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.verifier TO pooler;
"""

    def __init__(self, server, mode):
        self.mode = mode
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ymgr-pool-"))
        if NOBODY:
            os.chown(self.folder, NOBODY.pw_uid, NOBODY.pw_gid)
            self.folder.chmod(0o711)
        (self.folder / "users").write_text('"pooler" "pooler"\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={server.env['PGHOST']} port={server.env['PGPORT']}\n[pgbouncer]\n"
            f"unix_socket_dir = {self.folder}\nlisten_port = {self.PORT}\npool_mode = {mode}\nauth_type = scram-sha-256\n"
            f"auth_file = {self.folder}/users\nauth_user = pooler\nauth_query = SELECT name, verifier FROM public.verifier($1)\n"
        )
        self.process = None

    def __enter__(self):
        self.process = start_server(["/usr/sbin/pgbouncer", self.folder / "pgbouncer.ini"], self.folder)
        socket = self.folder / f".s.PGSQL.{self.PORT}"
        wait_for(lambda: self.process.poll() is not None or socket.exists(), "PgBouncer")
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return self

    def __exit__(self, *_):
        self.process.send_signal(3)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
