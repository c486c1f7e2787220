"""A team's Vault denies one path: the error names path, capability and the line of the policy that grants it. Every line that REVIEW.md
has about Vault is told where it is missing, and has a command here or a reason why none."""

import contextlib
import json
import re
import time

import pytest
from agent import agent_of_login
from harness import Ymgr
from team import ROLES, Team, count
from test_team_people import DEVICE
from vault_proxy import VaultProxy
from vendor import Vendor

ROLE_OF = {name: role for role, name in ROLES.items()}
CHECK = "init --team --check"

# Who is denied which path, and what is then asked for.
DENIALS = [
    ("oscar", "transit/keys/+", "issue d1.corp.test"),
    ("oscar", "transit/keys/+/csr", "issue d2.corp.test"),
    ("oscar", "pki/sign/ymgr-tls-server-ec", "issue d3.corp.test"),
    ("oscar", "pki/sign/ymgr-tls-server-rsa", "issue d4.corp.test --key rsa-3072"),
    ("oscar", "pki/revoke", "revoke first.corp.test --yes"),
    ("oscar", "pki/crl/rotate", "revoke second.corp.test --yes"),
    ("oscar", "database/creds/u-{{identity.entity.id}}", "whoami"),
    ("oscar", "identity/oidc/token/ymgr-agent", "agent register"),
    ("oscar", "yubikeys/data/ymgr-license", "license history"),
    ("oscar", "yubikeys/data/ymgr-settings", "init --join ADDRESS --user oscar --password-file PASSWORD"),
    ("oscar", "yubikeys/data/+/secrets", "device reveal 7001 --what puk --note test"),
    ("oscar", "pki/certs", "reconcile"),
    ("oscar", "pki/certs/revoked", "reconcile"),
    ("oscar", "transit/keys", "reconcile"),
    ("oscar", "identity/entity/name/+", "reconcile"),
    ("oscar", "sys/capabilities-self", CHECK),
    ("ada", "yubikeys/data/ymgr-checkpoints", "audit checkpoint"),
    ("ada", "transit/keys/ymgr-audit", "audit checkpoint"),
    ("ada", "transit/sign/ymgr-audit", "audit checkpoint"),
    ("ada", "identity/entity/name/new1", "user add new1 --role user --password-file PASSWORD"),
    ("ada", "sys/auth", "user add new2 --role user --password-file PASSWORD"),
    ("ada", "identity/lookup/entity", "user add new3 --role user --password-file PASSWORD"),
    ("ada", "identity/entity-alias", "user add new4 --role user --password-file PASSWORD"),
    ("ada", "auth/userpass/users/new5", "user add new5 --role user --password-file PASSWORD"),
    ("ada", "pki/roles/+", "user add new6 --role user --password-file PASSWORD"),
    ("ada", "database/roles/+", "user add new7 --role user --password-file PASSWORD"),
    ("ada", "identity/entity/name/una", "user disable una"),
    ("ada", "sys/leases/lookup/*", "user disable una"),
    ("ada", "sys/locked-users/*", "user enable una"),
    ("ada", "auth/userpass/users/una/password", "user set-password una --password-file PASSWORD"),
    ("aude", "yubikeys/data/ymgr-checkpoints", "audit verify"),
    ("uma", "pki/sign/client-{{identity.entity.id}}", "issue uma --profile tls-client --owner uma --out uma"),
    (
        "uma",
        "auth/userpass/users/{{identity.entity.name}}/password",
        "user set-password uma --password-file PASSWORD --present-password-file PASSWORD",
    ),
]

# What a long run has to renew, and the line of the session's file that has its time.
LONG_RUNS = {"auth/token/renew-self": "token-term", "sys/leases/renew": "lease-term"}

# Lines of REVIEW.md that no row denies. Each of them is told by `init --team --check` where it is missing.
NO_ROW = {
    r"pki/sign/ymgr-.*": "as those of ymgr-tls-server: one for each profile and kind of key",
    r"pki/sign/(piv|email|card)-.*": "as those of client-: their keys are in YubiKeys",
    r"yubikeys/(data|destroy)/.*/(pin|secrets)": "as yubikeys/data/+/secrets: asked for beside a YubiKey",
    r"yubikeys/metadata.*": "which versions there are: asked for beside a YubiKey, and by people",
    r"yubikeys/(data|delete|destroy)/ymgr-(checkpoints|license)": "nobody may, or it has a row of another role",
    r"yubikeys/config|pki/config/\*|pki/roles|identity/(group|entity-alias)/\*|database/(roles|config/\+)|sys/(mounts|policies/.*)": CHECK,
    r"transit/keys/\+/config": "what is not destroyed is noted: test_a_key_that_stays_is_noted",
    r"transit/keys/ymgr-audit/(config|csr)": "nobody may",
    r"pki/certs/detailed": "test_an_answer_that_got_lost_can_t_be_looked_for",
    r"pki/issuers|pki/cert/\+": "asked for when a CA is adopted, and of one certificate by people",
    r"identity/entity/id.*": "whose YubiKeys are whose: asked for beside a YubiKey",
    r"auth/token/(lookup|revoke)-self": "test_a_token_that_can_t_end_itself_is_told_of",
    r"sys/leases/revoke": "of other people's tokens alone: what they borrowed ends by its time",
    r"auth/token/(accessors|lookup-accessor|revoke-accessor)|sys/leases/lookup": "what an admin does by hand",
    r"sys/locked-users": "what an admin looks at by hand",
    r"sys/wrapping/.*": "asked with the wrapping token, which has a policy of its own",
    r"sys/audit-hash/\+": "what an auditor does by hand",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("denials")) as team:
        for name in ("ada", "oscar", "aude", "uma"):
            team.person_box(name)("login", "--user", name)
        for name in ("first", "second", "leaked"):
            team.person_box("oscar")("issue", f"{name}.corp.test")
        team.pg.sql(DEVICE.format("7001", "uma"))
        yield team


def person(team, name, address=None):
    """That person's ymgr, logged in for each command; a vendor's key makes it ask for the licence."""
    ymgr = team.person_box(name)
    text = team.config.read_text().replace(team.bao.address, address or team.bao.address)
    return Ymgr(ymgr.program, ymgr.box, {**ymgr.env, "YMGR_CONFIG": str(ymgr.box.file(f"{name}.yaml", text)), "YMGR_USER": name})


@contextlib.contextmanager
def denied(team, role, path=None, text=None):
    """That role's policy with one path denied; or with another text."""
    place = f"sys/policies/acl/ymgr-{role}"
    policy = team.bao.api("GET", place)["data"]["policy"]
    team.bao.api("POST", place, {"policy": text or f'{policy}\npath "{path}" {{ capabilities = ["deny"] }}\n'})
    try:
        yield
    finally:
        team.bao.api("POST", place, {"policy": policy})


def pattern_of(path):
    """Paths that a policy's path stands for."""
    parts = re.split(r"(\+|\*|\{\{.*?\}\})", path)
    wild = {"+": "[^/]+", "*": ".*"}
    return re.compile("".join("[^/]+" if part.startswith("{{") else wild.get(part) or re.escape(part) for part in parts))


def words_of(team, command):
    given = {"ADDRESS": team.bao.address, "PASSWORD": team.folder / "password"}
    return [given.get(word, word) for word in command.split()]


@pytest.mark.parametrize("name, path, command", DENIALS, ids=[f"{path}: {command.split(' --')[0]}" for _, path, command in DENIALS])
def test_a_denial_names_path_capability_and_line(team, name, path, command):
    ymgr = person(team, name)
    if "--join" in command:
        ymgr = Ymgr(ymgr.program, ymgr.box, {**ymgr.env, "YMGR_CONFIG": "", "BAO_CACERT": str(team.bao.ca_file)})
    agent = contextlib.nullcontext()
    if command.startswith("agent"):
        ymgr.env["YMGR_AGENT_SOCKET"] = str(ymgr.box.runtime / "agent/agent.sock")
        agent = agent_of_login(ymgr.box, tcp=False)
    with agent, denied(team, ROLE_OF[name], path):
        refused = ymgr.json(*words_of(team, command), exit=4)
    assert_told(team, name, path, refused)


def assert_told(team, name, path, refused):
    capability, where = re.fullmatch(r"Vault denies (\w+) on (\S+)", refused["error"]).groups()
    assert refused["code"] == "vault-denied" and pattern_of(path).fullmatch(where), refused
    line = f'the policy needs: path "{where}" {{ capabilities = ["{capability}"] }}'
    assert refused["suggestion"].removesuffix(f"; then ymgr resume {refused.get('resume_id')}") == line
    mine = {"token": team.members[name].token, "paths": [where]}
    assert capability in team.bao.api("POST", "sys/capabilities", mine)["data"]["capabilities"], "the policy as planned grants it"


def make_due(ymgr, line):
    """As if three quarters of its time were over."""
    [path] = [path for path in (ymgr.box.runtime / "ymgr").iterdir() if path.name.startswith("team-") and path.suffix == ""]
    term = lambda: re.search(rf"^{line} (\d+) (\d+) 1$", path.read_text(), flags=re.M)
    ends = int(term()[2])
    path.write_text(path.read_text().replace(term()[0], f"{line} {ends - 4 * (ends - int(time.time()))} {ends} 1"))
    due = term()[0]
    return lambda: term()[0] != due


@pytest.mark.parametrize("path, line", LONG_RUNS.items(), ids=LONG_RUNS)
def test_a_run_that_may_not_renew_what_it_borrowed_tells_so_and_is_resumed(team, path, line):
    oscar, name = team.person_box("oscar"), f"{line}.corp.test"
    is_renewed = make_due(oscar, line)
    with denied(team, "operator", path):
        refused = oscar.json("issue", name, exit=4)
    assert_told(team, "oscar", path, refused)
    assert not is_renewed() and refused["resume_id"] in refused["suggestion"]
    assert oscar.json("resume", refused["resume_id"])["success"] and is_renewed()
    assert count(team, f"certificates WHERE name = '{name}' AND status = 'active'") == 1


def test_a_key_that_stays_is_noted(team):
    with denied(team, "operator", "transit/keys/+/config"):
        (item,) = person(team, "oscar").json("revoke", "leaked.corp.test", "--reason", "keyCompromise", "--yes")["items"]
    assert item["key_destroyed"] is False and item["key_note"] == "Vault denies update on transit/keys/leaked-corp-test/config"


def test_an_answer_that_got_lost_can_t_be_looked_for(team):
    with VaultProxy(team.bao) as proxy:
        lost = iter(["lost"])
        proxy.rule = lambda method, path: next(lost, None) if "/sign/" in path else None
        stopped = person(team, "oscar", proxy.address).json("issue", "lost.corp.test", exit=8)
    with denied(team, "operator", "pki/certs/detailed"):
        refused = person(team, "oscar").json("resume", stopped["resume_id"], exit=None)
    assert "Vault denies list on pki/certs/detailed" in json.dumps(refused), refused
    assert person(team, "oscar").json("resume", "--all")["success"]


def test_a_token_that_can_t_end_itself_is_told_of(team):
    uma = team.person_box("uma")
    with denied(team, "user", "auth/token/lookup-self"):
        assert person(team, "uma").json("whoami")["user"] == "uma"
    with denied(team, "user", "auth/token/revoke-self"):
        assert "Vault denies update on auth/token/revoke-self" in uma("logout").stderr
    uma("login", "--user", "uma")


def test_a_client_that_can_t_join_leaves_no_token(team, tmp_path):
    ymgr = person(team, "oscar")
    ymgr = Ymgr(ymgr.program, ymgr.box, {**ymgr.env, "YMGR_CONFIG": "", "BAO_CACERT": str(team.bao.ca_file)})
    tokens = team.bao.api("LIST", "auth/token/accessors")["data"]["keys"]
    ymgr.json(*words_of(team, "init --join ADDRESS --user oscar --password-file PASSWORD"), exit=2)  # the database's host is a path here
    with denied(team, "operator", "yubikeys/data/ymgr-settings"):
        ymgr.json(*words_of(team, "init --join ADDRESS --user oscar --password-file PASSWORD"), exit=4)
    assert len(team.bao.api("LIST", "auth/token/accessors")["data"]["keys"]) == len(tokens)


# ---- the plan


def planned(team):
    """(role, capabilities, path, limits) of each line of REVIEW.md about Vault."""
    text = (team.folder / "plan/REVIEW.md").read_text().split("## OpenBao or Vault")[1].split("\n## ")[0]
    lines = re.findall(r"^\| ymgr-(\w+) \| `([a-z, ]+) on ([^;`]+)(;[^`]*)?` \|", text, flags=re.M)
    assert len(lines) == text.count("\n| ymgr-") > 150
    return [(role, capabilities.split(", "), path, limits) for role, capabilities, path, limits in lines]


def test_each_line_of_the_review_has_a_row_or_a_reason(team):
    rows = [*LONG_RUNS, *(path for _, path, _ in DENIALS)]
    paths = {path for _, _, path, _ in planned(team)}
    bare = {path for path in paths if not any(path == row or pattern_of(path).fullmatch(row) for row in rows)}
    assert [path for path in sorted(bare) if not any(re.fullmatch(reason, path) for reason in NO_ROW)] == []
    assert [reason for reason in NO_ROW if not any(re.fullmatch(reason, path) for path in bare)] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_line_of_the_review_is_told_where_it_is_missing(team, role):
    """A token without any but what the login takes. Vault's own policy, default, grants some to everybody."""
    login = {"auth/token/lookup-self": "read", "sys/capabilities-self": "update", "database/creds/u-{{identity.entity.id}}": "read"}
    few = "".join(f'path "{path}" {{ capabilities = ["{capability}"] }}\n' for path, capability in login.items())
    default = team.bao.api("GET", "sys/policies/acl/default")["data"]["policy"]
    with denied(team, role, text=few):
        found = person(team, ROLES[role]).json(*CHECK.split(), exit=1)["missing"]
    told = {(one["what"], one["line"]) for one in found if " on " in one["what"]}
    wanted = set()
    for of, capabilities, path, limits in planned(team):
        by_serial_or_name = "metadata.serial" in path or "entity.name" in path  # which can't be told
        if of != role or path in login or f'path "{path}"' in default or by_serial_or_name:
            continue
        whole = f"bao policy write ymgr-{role} policies/ymgr-{role}.hcl"  # a line alone would grant more than was planned
        for capability in set(capabilities) - {"deny"}:
            wanted.add((f"{capability} on {path}", whole if limits else f'path "{path}" {{ capabilities = ["{capability}"] }}'))
    assert told == wanted
