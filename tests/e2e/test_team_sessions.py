"""How sessions of a team end: within five seconds nothing of them is of use to anybody."""

import base64
import dataclasses
import os
import signal
import subprocess
import time

import pytest
from agent import Agent
from harness import Ymgr, wait_for
from openbao import Refused
from team import PSQL, ROLES, Team

ENDS = ["logout", "expiry"]
PEOPLE = ["admin", "operator", "user", "auditor"]
LIFE = 12  # seconds of a session that expires; logging in four people must be quicker


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        yield team


@dataclasses.dataclass
class Held:
    """What somebody who is logged in holds, as a thief would have copied it."""

    name: str
    ymgr: Ymgr
    agent: Agent
    token: str
    login: str
    bearer: str
    connection: subprocess.Popen
    agent_pid: int

    def token_works(self, team):
        try:
            return bool(team.bao.api("GET", "auth/token/lookup-self", token=self.token))
        except Refused:
            return False

    def login_is_there(self, team):
        there = team.pg.sql(f"SELECT count(*) FROM pg_roles WHERE rolname = '{self.login}'")
        return there != "0" or self.connection.poll() is None

    def agent_knows(self):
        return self.agent.get("/discover", headers={"Authorization": f"Bearer {self.bearer}"}).status != 401


def hold(team, name):
    ymgr = team.person_box(name)
    pid = ymgr.json("agent", "start")["pid"]
    ymgr("login", "--user", name)
    folder = ymgr.box.runtime / "ymgr"
    [path] = [path for path in folder.iterdir() if path.name.startswith("team-") and path.suffix == ""]
    lines = dict(line.split(" ", 1) for line in path.read_text().splitlines())
    bearer = path.with_suffix(".agent").read_text().splitlines()[-1]
    agent = Agent(ymgr.box, tcp=False)
    agent.socket = folder / "agent.sock"
    password = base64.b64decode(lines["password"]).decode()
    env = {**team.pg.env, "PGUSER": lines["login"], "PGPASSWORD": password}
    connection = subprocess.Popen([*PSQL, "-c", "SELECT pg_sleep(60)"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    token = base64.b64decode(lines["token"]).decode()
    held = Held(name, ymgr, agent, token, lines["login"], bearer, connection, pid)
    busy = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{held.login}' AND query LIKE '%pg_sleep%'"
    wait_for(lambda: team.pg.sql(busy) == "1", "an open connection")
    assert held.token_works(team) and held.agent_knows()
    assert "BEGIN PUBLIC KEY" in agent_key(team, name)
    return held


def agent_key(team, name):
    """What the open session's row knows of the agent."""
    return team.pg.sql(f"SELECT agent_pubkey FROM ymgr.user_sessions WHERE user_name = '{name}' AND ended_at IS NULL")


def end_by_logout(team):
    everybody = [hold(team, ROLES[role]) for role in PEOPLE]
    for held in everybody:
        assert held.ymgr.json("logout")["ended"] is True
    return everybody, time.monotonic()


def end_by_expiry(team):
    for role in PEOPLE:
        body = {"token_ttl": f"{LIFE}s", "token_max_ttl": f"{LIFE}s"}
        team.bao.api("POST", f"auth/userpass/users/{ROLES[role]}", body)
    everybody = [hold(team, ROLES[role]) for role in PEOPLE]
    time.sleep(LIFE)  # the last one's
    return everybody, time.monotonic()


@pytest.fixture(scope="module", params=ENDS)
def ended(team, request):
    """By role, what was held; five seconds after the end."""
    everybody, at = (end_by_logout if request.param == "logout" else end_by_expiry)(team)
    useless = lambda held: not (held.token_works(team) or held.login_is_there(team) or held.agent_knows())
    while time.monotonic() < at + 5 and not all(map(useless, everybody)):
        time.sleep(0.2)
    yield dict(zip(PEOPLE, everybody))
    for held in everybody:
        held.connection.kill()
        held.connection.wait()
        os.kill(held.agent_pid, signal.SIGTERM)
        for role in PEOPLE:
            team.bao.api("POST", f"auth/userpass/users/{ROLES[role]}", {"token_ttl": "1h", "token_max_ttl": "1h"})


@pytest.mark.parametrize("role", PEOPLE)
def test_the_token_is_dead(team, ended, role):
    assert not ended[role].token_works(team)


@pytest.mark.parametrize("role", PEOPLE)
def test_the_database_login_is_gone_with_its_connection(team, ended, role):
    assert not ended[role].login_is_there(team)


@pytest.mark.parametrize("role", PEOPLE)
def test_the_agent_knows_the_session_no_more(ended, role):
    assert not ended[role].agent_knows()


def test_a_command_says_that_the_session_is_over(team, ended):
    for held in ended.values():
        refused = held.ymgr.json("whoami", exit=4, env={"YMGR_USER": ""})
        assert refused["code"] in ("not-logged-in", "session-expired") and "ymgr login" in refused["suggestion"]


def test_an_agent_that_came_after_the_login_is_registered_too(team):
    una = team.person_box("una")
    una("login", "--user", "una")
    assert agent_key(team, "una") == ""
    pid = una.json("agent", "start")["pid"]
    assert una.json("agent", "register")["registered"] is True
    assert "BEGIN PUBLIC KEY" in agent_key(team, "una")
    una("logout")
    os.kill(pid, signal.SIGTERM)
