"""A team's servers, OpenBao and PostgreSQL, set up from the files of `ymgr init --team --plan`, and one person for each role.

    with Team(folder, ymgr) as team:
        team.member("user").vault("GET", "sys/mounts")          # (status, answer), with that person's own token
        team.member("user").sql("SELECT name FROM ymgr.users")  # (exit status, output) as that person's own database role
"""

import dataclasses
import json
import os
import subprocess

from harness import run
from openbao import OpenBao
from postgres import Postgres

ROLES = {"admin": "ada", "operator": "oscar", "user": "uma", "auditor": "aude", "renewer": "ren"}
PASSWORD = "a password with \"quotes\" and \\ in it"
SERIALS = {"uma": ["1001", "1002"], "una": ["2001"]}


@dataclasses.dataclass
class Member:
    team: "Team"
    name: str
    role: str
    token: str = ""
    entity: str = ""
    database: dict = None

    def log_in(self):
        login = self.team.bao.api("POST", f"auth/userpass/login/{self.name}", {"password": PASSWORD}, token="")["auth"]
        self.token, self.entity = login["client_token"], login["entity_id"]
        status, answer = self.vault("GET", f"database/creds/u-{self.entity}")
        assert status == 200, answer
        self.database = answer["data"]
        return self

    def vault(self, method, path, body=None, headers=None):
        status, _, text = self.team.bao.request(method, path, body, token=self.token, headers=headers)
        return status, json.loads(text) if text else None

    def sql(self, text):
        done = subprocess.run(self._psql(text), capture_output=True, text=True, timeout=30, env=self.env())
        return done.returncode, (done.stdout + done.stderr).strip()

    def connection(self, text):
        """psql, left running."""
        return subprocess.Popen(self._psql(text), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env())

    def _psql(self, text):
        return ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]

    def env(self):
        login = {"PGUSER": self.database["username"], "PGPASSWORD": self.database["password"]}
        return {**self.team.pg.env, **login, "PGDATABASE": self.database.get("database", "ymgr")}


class Team:
    def __init__(self, folder, ymgr):
        self.folder, self.ymgr = folder, ymgr
        self.members = {}
        self.bao, self.pg = OpenBao(folder), Postgres()

    def __enter__(self):
        try:
            self.bao.start()
            self.pg.start()
            self.plan()
            self.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.bao.kill()
        self.pg.kill()

    def member(self, role):
        return self.members[ROLES.get(role, role)]

    def plan(self):
        self.config = self.folder / "team.yaml"
        self.config.write_text(
            f"vault: {{address: '{self.bao.address}', ca_file: {self.bao.ca_file}, domains: [corp.test, 10.0.0.0/8]}}\n"
            f"database: {{host: {self.pg.env['PGHOST']}, port: {self.pg.env['PGPORT']}, name: ymgr}}\n"
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
        for name, role in [*((name, role) for role, name in ROLES.items()), ("una", "user")]:
            self.person(name, role)
            self.members[name] = Member(self, name, role).log_in()

    def install_schema(self):
        self.pg.psql("-c", "SET SESSION AUTHORIZATION installer", "-f", self.folder / "plan/postgres.sql")

    def person(self, name, role, by=None):
        """Made known to the servers, as root and the installer or by a member."""
        words = [name, role, name, f"{name}@corp.test", f"{name}@ad.corp.test", *SERIALS.get(name, [])]
        self.script("person.sh", *words, env={**by.env(), "BAO_TOKEN": by.token} if by else {})

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
