"""A person logs in with a browser (OpenID Connect). OpenBao is the provider, too, and the test goes where the browser would go."""

import json
import re
import signal
import socket
import urllib.parse

import pytest
from harness import curl, free_port, listening
from team import Team

USUAL = 8250
LATE = ["--timeout", "10s"]  # Vault answers before


def provider(team, *staff):
    """One that knows everybody, and lets `staff` in; the auth method trusts it, and knows oscar alone."""
    api, client = team.bao.api, "identity/oidc/client/ymgr"
    redirects = [f"http://localhost:{USUAL}/oidc/callback"]  # any port, on hosts of this kind
    api("POST", "identity/oidc/key/browser", {"algorithm": "RS256", "allowed_client_ids": ["*"]})
    api("POST", "identity/oidc/assignment/staff", {"entity_ids": [team.members[name].entity for name in staff], "group_ids": []})
    api("POST", "identity/oidc/scope/who", {"template": '{"who": {{identity.entity.name}}}'})
    api("POST", client, {"redirect_uris": redirects, "assignments": ["staff"], "key": "browser"})
    client = api("GET", client)["data"]
    issuer = {"issuer": team.bao.address, "allowed_client_ids": [client["client_id"]], "scopes_supported": ["who"]}
    api("POST", "identity/oidc/provider/corp", issuer)
    api("POST", "sys/auth/oidc", {"type": "jwt"})
    config = {"oidc_discovery_url": f"{team.bao.address}/v1/identity/oidc/provider/corp", "oidc_discovery_ca_pem": team.bao.tls.file.read_text()}
    config |= {f"oidc_{name}": client[name] for name in ("client_id", "client_secret")}
    api("POST", "auth/oidc/config", {**config, "default_role": "people"})
    role = {"role_type": "oidc", "user_claim": "who", "oidc_scopes": ["who"]}
    api("POST", "auth/oidc/role/people", {**role, "allowed_redirect_uris": redirects})
    api("POST", "auth/oidc/role/elsewhere", {**role, "allowed_redirect_uris": ["https://elsewhere.test/cb"]})
    accessor = api("GET", "sys/auth")["data"]["oidc/"]["accessor"]
    api("POST", "identity/entity-alias", {"name": "oscar", "canonical_id": team.members["oscar"].entity, "mount_accessor": accessor})


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("oidc")) as team:
        team.person_box("ada")("login", "--user", "ada")  # makes the CA known
        provider(team, "oscar", "una")
        yield team


class Login:
    """`with Login(team) as login:` is `ymgr login --method oidc`, which waits, and the address that it told. At the end it is ended."""

    def __init__(self, team, *words, listen=None):
        self.team, self.ymgr, self.port = team, team.person_box("oscar"), listen or free_port()
        place = [] if listen == USUAL else ["--listen", f"127.0.0.1:{self.port}"]
        self.process = self.ymgr.start("login", "--method", "oidc", "--json", *place, *words)
        self.told = self.process.stderr.readline()
        self.address = (re.search(r"open this address in a browser: (\S+)", self.told) or [None, ""])[1]
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.address).query))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.process:
            self.process.kill()

    def authorize(self, person):
        """What OpenBao's page does for somebody who is logged in there: what the browser is to take back."""
        asked = urllib.parse.urlencode(self.query)
        return self.team.members[person].vault("GET", f"identity/oidc/provider/corp/authorize?{asked}")[1]

    def come_back(self, **answer):
        """Status and text of the page that the browser shows at last."""
        page = curl("-w", "\n%{http_code}", f"{self.query['redirect_uri']}?{urllib.parse.urlencode(answer)}").stdout
        text, status = page.rsplit("\n", 1)
        return int(status), text

    def end(self, exit=0):
        stdout, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == exit, self.told + stderr + stdout
        return json.loads(stdout)


def lent(team):
    """What lives of logins by oidc: tokens at Vault, oscar's roles at the database."""
    accessors = team.bao.api("LIST", "auth/token/accessors")["data"]["keys"]
    tokens = [team.bao.api("POST", "auth/token/lookup-accessor", {"accessor": one})["data"] for one in accessors]
    roles = team.pg.sql(f"SELECT rolname FROM pg_roles WHERE rolname LIKE 'u-{team.members['oscar'].entity}.%'").split()
    return [one["display_name"] for one in tokens if one["display_name"].startswith("oidc-")], set(roles)


def assert_nothing_is_left(team, login, roles):
    assert lent(team) == ([], roles)
    assert not listening(login.port)
    assert login.ymgr.json("whoami", exit=4)["code"] == "not-logged-in"


def test_a_person_logs_in_with_a_browser_works_and_logs_out(team):
    _, roles = lent(team)
    with Login(team) as login:
        assert login.address.startswith(f"{team.bao.address}/ui/vault/identity/oidc/provider/corp/authorize?")
        assert login.query["redirect_uri"] == f"http://localhost:{login.port}/oidc/callback"
        answer = login.authorize("oscar")
        for foreign in ({**answer, "state": "guessed"}, {"code": answer["code"]}, {"state": answer["state"]}, {"error": "access_denied"}):
            assert login.come_back(**foreign)[0] == 400  # and the right one is waited for
        status, page = login.come_back(**answer)
        assert status == 200 and "close this window" in page
        told = login.end()
    assert (told["user"], told["role"], told["session"]) == ("oscar", "operator", "file")
    assert not listening(login.port)

    ymgr = login.ymgr
    assert {name: ymgr.json("whoami")[name] for name in ("user", "role")} == {"user": "oscar", "role": "operator"}
    assert ymgr.json("issue", "browser.corp.test")["success"]
    assert team.pg.sql("SELECT issued_by FROM ymgr.certificates WHERE name = 'browser.corp.test'") == "oscar"
    tokens, now = lent(team)
    assert tokens == ["oidc-oscar"] and len(now - roles) == 1
    assert ymgr.json("logout")["ended"] is True
    assert_nothing_is_left(team, login, roles)


# What somebody does at the browser, and what the command then says.
REFUSALS = {
    "the provider says no": (lambda login: login.authorize("uma"), "the provider refuses the login: access_denied"),
    "the person says no": (lambda login: {"state": login.query["state"], "error": "login_required"}, "the provider refuses the login: login_required"),
    "a code that was not given": (lambda login: {"state": login.query["state"], "code": "made-up"}, "Vault refuses"),
    "somebody whom the team does not know": (lambda login: login.authorize("una"), "Vault lets oidc-una in, and ymgr does not know who that is"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_login_that_is_refused_leaves_nothing(team, case):
    does, says = REFUSALS[case]
    _, roles = lent(team)
    with Login(team) as login:
        assert login.come_back(**does(login))[0] == 200
        refused = login.end(exit=4)
    assert refused["code"] == "login-refused" and says in refused["error"], refused
    assert_nothing_is_left(team, login, roles)


def test_a_role_that_expects_the_browser_elsewhere_is_told(team):
    with Login(team, "--role", "elsewhere") as login:
        refused = login.end(exit=4)
    assert refused["code"] == "login-refused" and f"http://localhost:{login.port}/oidc/callback" in refused["suggestion"], refused


def test_nobody_comes_in_time(team):
    _, roles = lent(team)
    with Login(team, *LATE) as login:
        assert login.query["state"]
        refused = login.end(exit=4)
    assert (refused["code"], refused["error"]) == ("login-refused", "nobody logged in with the browser in time")
    assert_nothing_is_left(team, login, roles)


def test_a_login_that_waits_can_be_ended(team):
    _, roles = lent(team)
    with Login(team) as login:
        login.process.send_signal(signal.SIGINT)
        assert login.end(exit=130)["code"] == "interrupted"
    assert_nothing_is_left(team, login, roles)


def test_a_port_that_is_taken_is_told_with_what_mends_it(team):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Login(team, listen=port) as login:
            refused = login.end(exit=1)
    assert (refused["code"], refused["error"]) == ("address-in-use", f"127.0.0.1 port {port} is taken")
    assert "--listen" in refused["suggestion"]
    assert "--listen ADDRESS:PORT" in team.person_box("oscar")("login", "--help").stdout
    ymgr = team.person_box("oscar")
    assert "no use for --listen" in ymgr.json("login", "--user", "oscar", "--listen", ":1", exit=2)["error"]


def test_the_usual_port_is_the_one_that_roles_name(team):
    """8250 may be somebody else's on this machine just now: then the command says so."""
    with Login(team, listen=USUAL) as login:
        if login.address:
            assert login.query["redirect_uri"] == f"http://localhost:{USUAL}/oidc/callback"
        else:
            assert login.end(exit=1)["error"] == f"127.0.0.1 port {USUAL} is taken"
