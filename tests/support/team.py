"""A team's servers, OpenBao and PostgreSQL, set up from the files of `ymgr init --team --plan`, and one person for each role.

    with Team(folder) as team:
        team.member("user").vault("GET", "sys/mounts")          # (status, answer), with that person's own token
        team.member("user").sql("SELECT name FROM ymgr.users")  # (whether it worked, output) as that person's own role
"""

import dataclasses
import http.client
import json
import os
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

from harness import RELEASE, Box, Ymgr, run
from openbao import Cluster, OpenBao
from postgres import Postgres

ROLES = {"admin": "ada", "operator": "oscar", "user": "uma", "auditor": "aude", "renewer": "ren"}
PASSWORD = "a password with \"quotes\" and \\ in it"
SERIALS = {"uma": ["1001", "1002"], "una": ["2001"]}
PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
END = "=== end of the try:"


@dataclasses.dataclass
class Member:
    team: "Team"
    name: str
    role: str
    token: str = ""
    entity: str = ""
    database: dict = None
    https: http.client.HTTPSConnection = None
    psql: subprocess.Popen = None

    def log_in(self, password=PASSWORD):
        login = self.team.bao.api("POST", f"auth/userpass/login/{self.name}", {"password": password}, token="")["auth"]
        self.token, self.entity = login["client_token"], login["entity_id"]
        status, answer = self.vault("GET", f"database/creds/u-{self.entity}")
        assert status == 200, answer
        self.database = answer["data"]
        return self

    def vault(self, method, path, body=None):
        """(status, answer), over one kept connection."""
        if not self.https:
            context = ssl.create_default_context(cafile=self.team.bao.ca_file)
            self.https = http.client.HTTPSConnection("127.0.0.1", self.team.bao.ports[0], context=context, timeout=30)
        text = None if body is None else json.dumps(body)
        self.https.request(method, f"/v1/{path}", text, {"X-Vault-Token": self.token})
        answer = self.https.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def sql(self, text):
        """(whether it worked, what psql prints)."""
        done = subprocess.run([*PSQL, "-c", text], capture_output=True, text=True, timeout=30, env=self.env())
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def try_sql(self, text):
        """The same in a transaction that is rolled back, in one session for all tries."""
        if not self.psql:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            self.psql = subprocess.Popen([*PSQL, "-v", "ON_ERROR_STOP=0"], text=True, env=self.env(), **pipes)
        self.psql.stdin.write(f"BEGIN;\n{text};\n\\echo {END} :ERROR\nROLLBACK;\n")
        self.psql.stdin.flush()
        lines = []
        while not (line := self.psql.stdout.readline()).startswith(END):
            assert line, "psql has ended"
            lines.append(line)
        return "false" in line, "".join(lines).strip()

    def connection(self, text):
        """psql, left running."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*PSQL, "-c", text], text=True, env=self.env(), **pipes)

    def close(self):
        if self.https:
            self.https.close()
        if self.psql:
            self.psql.stdin.close()
            self.psql.wait()
            self.psql.stdout.close()

    def env(self):
        login = {"PGUSER": self.database["username"], "PGPASSWORD": self.database["password"]}
        return {**self.team.pg.env, **login, "PGDATABASE": self.database.get("database", "ymgr")}


def count(team, query):
    """`query`: a table of the team's, and a condition if any."""
    return int(team.pg.sql(f"SELECT count(*) FROM ymgr.{query}"))


def signed(team):
    """How many certificates the CA has."""
    status, _, text = team.bao.request("LIST", "pki/certs")
    return len(json.loads(text)["data"]["keys"]) if status == 200 else 0


class Team:
    """`nodes`: of OpenBao, one Raft cluster; `standby`: another PostgreSQL follows the first (self.standby); `disk`: neither server's
    data have more room than that; `serials`: YubiKeys that Vault is told of without a row, by owner."""

    def __init__(self, folder, nodes=1, standby=False, disk=None, serials=SERIALS):
        self.serials = serials
        self.folder = folder
        self.members = {}
        self.boxes = {"set-up": Box(folder / "box")}
        self.ymgr = Ymgr(RELEASE, self.boxes["set-up"])
        self.cluster = Cluster(folder, nodes) if nodes > 1 else None
        self.bao, self.pg = OpenBao(folder, disk=disk), Postgres(replicas=standby, disk=disk)
        self.standby = None
        self.wants_standby = standby
        self.pool = ThreadPoolExecutor(3)  # a server dies with the thread that started it

    def __enter__(self):
        try:
            list(self.pool.map(lambda server: server.start(), (self.cluster or self.bao, self.pg)))
            if self.cluster:
                self.bao = self.cluster.nodes[0]
            if self.wants_standby:
                self.standby = self.pool.submit(self.pg.standby).result()
                # What was acknowledged is on both; else a promotion may lose it.
                self.pg.sql("ALTER SYSTEM SET synchronous_standby_names = '*'", database="postgres")
                self.pg.sql("SELECT pg_reload_conf()", database="postgres")
            self.plan()
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.members.values():
            member.close()
        for server in [*(self.cluster.nodes if self.cluster else [self.bao]), self.pg, *filter(None, [self.standby])]:
            server.kill()
        if self.bao.disk:
            self.bao.disk.__exit__()
        self.pool.shutdown()
        for box in self.boxes.values():
            box.remove()

    def member(self, role):
        return self.members[ROLES.get(role, role)]

    def plan(self):
        self.config = self.folder / "team.yaml"
        addresses = ",".join(self.cluster.addresses if self.cluster else [self.bao.address])
        hosts = ",".join(pg.env["PGHOST"] for pg in (self.pg, self.standby) if pg)
        self.config.write_text(
            f"vault: {{address: '{addresses}', ca_file: {self.bao.ca_file}, domains: [corp.test, 10.0.0.0/8]}}\n"
            f"database: {{host: '{hosts}', port: {self.pg.env['PGPORT']}, name: ymgr}}\n"
        )
        self.ymgr("init", "--team", "--plan", self.folder / "plan", "--create-ca", "-c", self.config)

    def set_up(self):
        """PostgreSQL by a role that owns the database and may make roles: no superuser is needed."""
        self.pg.sql("CREATE ROLE installer LOGIN CREATEROLE", database="postgres")
        self.pg.sql("CREATE DATABASE ymgr OWNER installer", database="postgres")
        self.install_schema()
        self.pg.sql("ALTER ROLE ymgr_vault PASSWORD 'first'")
        (self.folder / "vault.password").write_text("first")
        (self.folder / "password").write_text(PASSWORD)
        self.script("vault.sh")
        people = [Member(self, name, role) for role, name in [*ROLES.items(), ("user", "una")]]
        self.members = {member.name: member for member in self.pool.map(self.welcome, people)}

    def welcome(self, member):
        self.person(member.name, member.role)
        return member.log_in()

    def install_schema(self):
        self.pg.psql("-c", "SET SESSION AUTHORIZATION installer", "-f", self.folder / "plan/postgres.sql")

    def person(self, name, role, by=None):
        """Made known to the servers, as root and the installer or by a member."""
        words = [name, role, name, f"{name}@corp.test", f"{name}@ad.corp.test", *self.serials.get(name, [])]
        self.script("person.sh", *words, env={**by.env(), "BAO_TOKEN": by.token} if by else {})

    def person_box(self, name):
        """A machine of that person's, whose ymgr works with the team."""
        if name not in self.boxes:
            box = self.boxes[name] = Box(self.folder / f"box-{name}")
            (self.folder / "password").chmod(0o600)
            box.env |= {"YMGR_CONFIG": str(self.config), "YMGR_PASSWORD_FILE": str(self.folder / "password")}
        return Ymgr(RELEASE, self.boxes[name])

    def script(self, name, *words, env=None):
        env = {
            **os.environ,
            **self.pg.env,
            "BAO_TOKEN": self.bao.root_token,
            "YMGR_DATABASE_PASSWORD_FILE": str(self.folder / "vault.password"),
            "YMGR_PASSWORD_FILE": str(self.folder / "password"),
            **(env or {}),
        }
        return run(["bash", self.folder / "plan" / name, *words], env=env)


def literal(value):
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def insert(member, table, **columns):
    """As a modified client writes it."""
    values = ", ".join(map(literal, columns.values()))
    worked, output = member.sql(f"INSERT INTO ymgr.{table} ({', '.join(columns)}) VALUES ({values})")
    assert worked, output


def forge_certificate(member, cert_id, name, **columns):
    """A row of the member's own that no CA signed."""
    row = {"cert_id": cert_id, "name": name, "subject": f"CN={name}", "sans": json.dumps([f"dns:{name}"]), "serial_number": cert_id}
    row |= {"issuer": "CN=nobody", "ca_name": "nobody", "key_reference": "external", "key_algorithm": "ec-p256", "labels": "{}"}
    row |= {"public_key_sha256": "00", "key_created_at": 0, "profile": "tls-client", "owner": member.name, "policy_version": "v1"}
    row |= {"status": "active", "issued_at": 0, "not_before": 0, "expires_at": 4_000_000_000_000_000, "renew_at": 4_000_000_000_000_000}
    row |= {"fingerprint": "00", "pem": "nothing", "request_id": "", "issued_by": member.name}
    insert(member, "certificates", **(row | columns))


def forge_operation(member, request_id, target, kind="issue", inputs="{}", data="{}", status="open", state="planned"):
    """An operation of the member's own, with one item."""
    row = {"request_id": request_id, "kind": kind, "target": target, "updated_at": 0}
    insert(member, "operations", **row, state=status, inputs=inputs, inputs_sha256="", actor=member.name, item_count=1, created_at=0)
    insert(member, "operation_items", **row, position=0, status=status, state=state, data=data)
