"""A team's commands against the bare calls that they can't do without, on an OpenBao and a PostgreSQL of this machine."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))

from harness import openssl  # noqa: E402
from team import Team  # noqa: E402

BARE = TOP / "build/release/bench/bench_vault"
SQL = TOP / "build/release/bench/bench_sql"
ROWS = TOP / "build/release/bench/bench_rows"
CONNECTIONS = (2, 4, 8)
DAY = 86_400_000_000
CROWD_COMMANDS = {
    "login": ["login", "--user", "oscar"],
    "whoami": ["whoami"],
    "cert show": ["cert", "show", "crowd.corp.test"],
    "cert list": ["cert", "list", "--select", "name=crowd.corp.test"],
    "cert explain": ["cert", "explain", "crowd.corp.test"],
    "operation list": ["operation", "list"],
    "device show": ["device", "show", "4999999"],
    "user show": ["user", "show", "oscar"],
    "license status": ["license", "status"],
    "notify list": ["notify", "list"],
    "report": ["report"],
    "issue": ["issue", "NEW"],
    "issue --dry-run": ["issue", "crowd-again.corp.test", "--dry-run"],
    "renew": ["renew", "NEW"],
    "renew --due": ["renew", "--due", "--dry-run"],
    "revoke": ["revoke", "NEW", "--yes"],
    "resume": ["resume", "--all"],
    "policy check": ["policy", "check", "crowd-new.corp.test"],
    "doctor": ["doctor", "--check", "certificates", "--check", "operations"],
    "init --team --check": ["init", "--team", "--check"],
}
# Left out: what lists all people or YubiKeys, and `reconcile`, which asks Vault about each.


def median(values):
    return sorted(values)[len(values) // 2]


def cpu_seconds(server):
    """What a server, and every child that it has or had, has computed for."""

    def fields(pid):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()

    while True:
        children = pathlib.Path(f"/proc/{server}/task/{server}/children").read_text().split()
        try:
            ticks = [int(word) for pid in children for word in fields(pid)[11:13]] + [int(word) for word in fields(server)[11:15]]
        except FileNotFoundError:  # one ended meanwhile: it counts as the server's own now
            continue
        return sum(ticks) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, team, folder, verdict):
        self.team, self.folder, self.verdict = team, folder, verdict
        team.person_box("ada")("login", "--user", "ada")  # which makes the CA known
        self.ymgr = team.person_box("oscar")
        self.ymgr("login", "--user", "oscar")
        self.numbers = iter(range(1000000))
        [path] = [path for path in (self.ymgr.box.runtime / "ymgr").iterdir() if path.suffix == ""]
        lines = dict(line.split(" ", 1) for line in path.read_text().splitlines())
        self.token = folder / "token"
        self.token.write_text(base64.b64decode(lines["token"]).decode())
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem"]
        openssl("req", "-new", *key, "-subj", "/CN=bare.corp.test", "-addext", "subjectAltName=DNS:bare.corp.test", "-out", folder / "csr.pem")

    def ours(self, *words):
        begin = time.perf_counter()
        self.ymgr(*words, "-q", timeout=600)
        return time.perf_counter() - begin

    def bare(self, connections, count, *transit):
        role = "ymgr-tls-server-" + ("rsa" if transit and transit[0].startswith("rsa") else "ec")
        words = [BARE, self.team.bao.address, self.team.bao.ca_file, self.token, connections, count, role, self.folder / "csr.pem", *transit]
        return float(subprocess.check_output([str(word) for word in words], text=True))

    def best(self, measure):
        """The connections that are quickest, and how quick."""
        times = {connections: measure(connections) for connections in CONNECTIONS}
        return min(times, key=times.get)

    def requests(self, count):
        """A batch of requests by somebody else, each with a key of its own."""
        batch = self.folder / f"batch-{next(self.numbers)}.csv"
        stem = batch.stem
        rows = ["name,csr"]
        for number in range(count):
            name, csr = f"{stem}-{number}.corp.test", self.folder / f"{stem}-{number}.csr"
            openssl("req", "-new", "-key", self.key(number), "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out", csr)
            rows.append(f"{name},{csr}")
        batch.write_text("\n".join(rows) + "\n")
        return batch

    def key(self, number):
        path = self.folder / f"{number}.key"
        if not path.exists():
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
        return path

    def rates(self, what, text, bare, words):
        """Our rate as a share of the bare calls' at their best, with and without what PostgreSQL computes for it."""
        connections = self.best(bare)
        whole, alone = [], []
        for _ in range(7):
            mine_of = words()
            limit = bare(connections)
            before = cpu_seconds(self.team.pg.process.pid)
            mine = self.ours(*mine_of)
            database = (cpu_seconds(self.team.pg.process.pid) - before) / len(os.sched_getaffinity(0))
            limit = (limit + bare(connections)) / 2  # before and after: the machine's speed drifts
            whole.append(limit / mine)
            alone.append(limit / (mine - database))
        text = f"of the rate of {text} at its best, {connections} connections"
        self.verdict(what, median(whole), 0.7, text, at_least=True)
        self.verdict("the same without PostgreSQL's CPU", median(alone), 0.9, text, at_least=True)

    def csrs(self):
        count = 500
        self.rates("500 EC certificates from requests", "bare pki/sign", lambda connections: self.bare(connections, count),
                   lambda: ["issue", "--batch", self.requests(count)])

    def transit(self):
        count = 200
        self.rates("200 EC certificates, keys in transit", "the bare calls",
                   lambda connections: self.bare(connections, count, "ecdsa-p256", f"bare-{next(self.numbers)}-"),
                   lambda: ["issue", f"t{next(self.numbers)}-{{1..{count}}}.corp.test"])

    def rsa(self):
        run = self.ymgr("issue", f"rsa{next(self.numbers)}-{{1..10}}.corp.test", "--key", "rsa-4096", "--jobs", "1", "-v", timeout=600)
        begin = time.perf_counter()
        run = self.ymgr("issue", f"rsa{next(self.numbers)}-{{1..10}}.corp.test", "--key", "rsa-4096", "--jobs", "1", "-v", timeout=600)
        whole = time.perf_counter() - begin
        [line] = [line for line in run.stderr.splitlines() if "time: transit:" in line]
        inside = int(line.split("transit:")[1].split()[0]) / 1e6
        self.verdict("10 RSA-4096, keys in transit", (whole - inside) / whole, 0.1, "of the time is outside transit's calls")

    def single(self):
        model = self.model()
        mine, limit = [], []
        for _ in range(11):
            mine.append(self.ours("issue", f"one-{next(self.numbers)}.corp.test"))
            vault = self.bare(1, 1, "ecdsa-p256", f"one-{next(self.numbers)}-")
            limit.append(self.ours("whoami") + vault + self.bare_sql(model))
        self.verdict("one issue", median(mine) / median(limit), 1.3, "of start-up and its bare calls of Vault and PostgreSQL")

    def model(self):
        """A certificate that was issued: its rows by their tables, each a list of literals by the columns' names; and what is its own."""
        name = "model.corp.test"
        self.ymgr("issue", name, "--ensure")
        pg = self.team.pg
        own = {word: pg.sql(f"SELECT {word} FROM ymgr.certificates WHERE name = '{name}'") for word in ("cert_id", "serial_number", "request_id")}
        rows = {}
        for table, key in [("operations", "request_id"), ("operation_items", "request_id"), ("certificates", "request_id"),
                           ("ca_issued", "cert_id"), ("audit_events", "request_id")]:
            columns = pg.sql("SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns"
                             f" WHERE table_schema = 'ymgr' AND table_name = '{table}' AND column_name NOT IN ('seq', 'hash')").split(",")
            literals = ", ".join(f"'{column}', quote_nullable({column}::text)" for column in columns)
            order = " ORDER BY seq" if table == "audit_events" else ""
            lines = pg.sql(f"SELECT json_build_object({literals})::text FROM ymgr.{table} WHERE {key} = '{own[key]}'{order}").splitlines()
            rows[table] = [json.loads(line) for line in lines]
        return {**own, "name": name, "rows": rows}

    def bare_sql(self, model):
        """The three transactions of a certificate, with what they can't do without: plan, certificate, end."""
        number = next(self.numbers)
        fresh = {"request_id": f"req-bare-{number}", "cert_id": f"cert-bare-{number}", "name": f"bare-{number}.corp.test",
                 "serial_number": f"7F:{number:08X}"}
        rows = json.dumps(model["rows"])
        for word, value in fresh.items():
            rows = rows.replace(model[word], value)
        rows = json.loads(rows)

        def insert(table, some, **other):
            values = ", ".join("(" + ", ".join({**row, **other}.values()) + ")" for row in some)
            return f"INSERT INTO ymgr.{table} ({', '.join(some[0])}) VALUES {values}"

        of_request = f"WHERE request_id = '{fresh['request_id']}'"
        [item], events = rows["operation_items"], rows["audit_events"]
        plan = [insert("operations", rows["operations"], state="'open'", lease_holder="'bare'", lease_until="0", result="NULL"),
                insert("operation_items", [item], status="'open'", state="'planned'"), insert("audit_events", events[:2])]
        marks = [f"UPDATE ymgr.operation_items SET status = 'done', state = {item['state']}, data = {item['data']}, updated_at = 1"
                 f" {of_request} AND position = 0", insert("certificates", rows["certificates"]), insert("ca_issued", rows["ca_issued"]),
                 insert("audit_events", events[2:-1])]
        end = [f"UPDATE ymgr.operations SET state = 'done', lease_holder = NULL, lease_until = NULL, result = '{{}}' {of_request}",
               insert("audit_events", events[-1:])]
        scripts = ["; ".join(["BEGIN", *part, "COMMIT"]) for part in (plan, marks, end)]
        return float(subprocess.check_output([SQL, *self.as_operator(), *scripts], text=True))

    def as_operator(self):
        """HOST DATABASE USER PASSWORD_FILE"""
        member, secret = self.team.member("operator"), self.folder / "database.password"
        secret.touch(0o600)
        secret.write_text(member.database["password"])
        return [self.team.pg.env["PGHOST"], "ymgr", member.database["username"], str(secret)]

    def rows(self):
        """What the database is told of certificates, and COPY of the same rows into tables with the same indexes and other rows."""
        self.ymgr("issue", "model.corp.test", "--ensure")
        words = [ROWS, *self.as_operator(), self.team.member("operator").name, "model.corp.test", 10_000]
        mine, limit = [], []
        for _ in range(7):
            seconds, request_id = subprocess.check_output([str(word) for word in words], text=True).split()
            mine.append(float(seconds))
            limit.append(self.copy(request_id))
        self.verdict("journal, inventory and audit of 10,000", median(mine) / median(limit), 3, "of COPY without triggers")

    def copy(self, request_id):
        pg = self.team.pg
        of_request = f"request_id = '{request_id}'"
        tables = {name: of_request for name in ("operations", "operation_items", "certificates", "audit_events")}
        tables["ca_issued"] = f"cert_id IN (SELECT cert_id FROM ymgr.certificates WHERE {of_request})"
        pg.sql("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare")
        for name, which in tables.items():
            pg.sql(f"CREATE TABLE bare.{name} (LIKE ymgr.{name} INCLUDING ALL)")
            pg.sql(f"INSERT INTO bare.{name} SELECT * FROM ymgr.{name} WHERE ({which}) IS NOT TRUE")
            pg.sql(f"COPY (SELECT * FROM ymgr.{name} WHERE {which}) TO '{pg.folder}/data/{name}.copy'")
        script = "; ".join(f"COPY bare.{name} FROM '{pg.folder}/data/{name}.copy'" for name in tables)
        begin = time.perf_counter()
        pg.sql(script)
        return time.perf_counter() - begin

    def prepare_for_crowd(self):
        self.ymgr("issue", "crowd.corp.test")
        self.team.pg.sql("INSERT INTO ymgr.devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at)"
                         " VALUES ('4999999', 'uma', 'enrolled', '5.7.4', '', 0, 'escrow', 0, 0)")

    def crowd(self, few):
        """10,000 people with a YubiKey each, beside a team that has only a few, in turn."""
        for bench in (self, few):
            bench.prepare_for_crowd()
        self.team.pg.sql(
            "INSERT INTO ymgr.users (name, role, status, password_salt, password_cost, password_verifier, box_public, box_private, created_at,"
            " created_by, certificate_names) SELECT 'p' || n, 'user', 'active', '', '{}', '', '', '', 0, 'bench',"
            " 'p' || n || ' p' || n || '@corp.test' FROM generate_series(1, 10000) n;"
            "INSERT INTO ymgr.devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at)"
            " SELECT (5000000 + n)::text, 'p' || n, 'enrolled', '5.7.4', '', 0, 'escrow', 0, 0 FROM generate_series(1, 10000) n"
        )
        for number in range(1, 10_001):
            self.team.bao.api("POST", "identity/entity", {"name": f"p{number}"})
        for bench in (self, few):
            bench.team.pg.sql("ANALYZE")
        for name, words in CROWD_COMMANDS.items():
            mine, limit = [], []
            for turn in range(11):
                this = [word.replace("NEW", f"crowd-{name.replace(' ', '-')}-{turn}.corp.test") for word in words]
                for bench, times in ((self, mine), (few, limit)):
                    if name in ("renew", "revoke"):
                        bench.ymgr("issue", this[1])
                    times.append(bench.ours(*this))
            self.verdict(f"{name} with 10,000 people and YubiKeys", median(mine) / median(limit), 1.1, "of what it takes with a few")

    def million(self):
        now = int(time.time() * 1e6)
        names = self.team.pg.sql("SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns"
                                 " WHERE table_schema = 'ymgr' AND table_name = 'certificates'").split(",")
        made = {
            "cert_id": "'cert-20260101000000-' || lpad(to_hex(n), 12, '0')",
            "name": "'host-' || n || '.corp.test'",
            "serial_number": "'70:' || lpad(to_hex(n), 6, '0')",
            "public_key_sha256": "lpad(to_hex(n), 64, '0')",
            "fingerprint": "lpad(to_hex(n), 64, '0')",
            "expires_at": f"{now + 40 * DAY} + n * 5000000::bigint",
            "renew_at": f"{now + 10 * DAY} + n * 5000000::bigint",
            "host": "NULL", "installation": "NULL", "hook_state": "NULL",
        }  # fmt: skip
        values = ", ".join(made.get(name, f"m.{name}") for name in names)
        self.team.pg.sql(
            f"INSERT INTO ymgr.certificates ({', '.join(names)}) SELECT {values} FROM generate_series(1, 1000000) n,"
            " (SELECT * FROM ymgr.certificates WHERE name = 'crowd.corp.test') m; ANALYZE ymgr.certificates",
            timeout=600,
        )
        query = (
            f"SELECT cert_id, name FROM ymgr.certificates WHERE status = 'active' AND renew_at <= {now}"
            " ORDER BY renew_at, expires_at, cert_id"
        )
        mine, limit = [], []
        for _ in range(9):
            mine.append(self.ours("renew", "--due", "--dry-run"))
            limit.append(self.ours("whoami") + float(subprocess.check_output([SQL, *self.as_operator(), query], text=True)))
        self.verdict("renew --due --dry-run over 1,000,000", median(mine) / median(limit), 1.5, "of start-up plus the bare indexed query")


def measure(verdict):
    with tempfile.TemporaryDirectory(prefix="ymgr-bench-") as name:
        alone, many, few = (pathlib.Path(name) / word for word in ("alone", "many", "few"))
        for folder in (alone, many, few):
            folder.mkdir()
        with Team(alone) as team:
            bench = Bench(team, alone, verdict)
            for part in (bench.csrs, bench.transit, bench.rsa, bench.single, bench.rows):
                part()
        with Team(many) as team, Team(few) as other:
            bench = Bench(team, many, verdict)
            bench.crowd(Bench(other, few, verdict))
            bench.million()
