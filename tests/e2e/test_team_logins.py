"""The ways in which a team's host logs in without a password, at the command line and unattended."""

import http.server
import json
import threading

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent import Issuer, b64url
from harness import Ymgr, run
from team import Team

WRAPPED = {"X-Vault-Wrap-TTL": "5m"}
LOGINS = {
    "approle": "approle --role-id-file role-id --secret-id-file secret-id",
    "approle, wrapped": "approle --role night --role-id-file role-id --secret-id-file wrapped-secret-id --wrapped",
    "cert": "cert --role night",
    "jwt": "jwt --role night --jwt-file jwt",
    "kubernetes": "kubernetes --role night --jwt-file pod-jwt",
    "token": "token --token-file token",
    "token, wrapped": "token --role night --token-file wrapped-token --wrapped",
}
UNATTENDED = {
    "approle": {"role_id_file": "role-id", "secret_id_file": "secret-id"},
    "cert": {"certificate_file": "ren.pem", "key_file": "ren.key"},
    "jwt": {"role": "night", "jwt_file": "jwt"},
    "kubernetes": {"role": "night", "jwt_file": "pod-jwt"},
}


class Cluster(http.server.BaseHTTPRequestHandler):
    """Kubernetes as far as it is asked: whose a token is. It knows one, which it does not look into."""

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == "/apis/authentication.k8s.io/v1/tokenreviews" and review["spec"]["token"].endswith("." + b64url(b"known"))
        user = {"username": "system:serviceaccount:apps:ymgr", "uid": "u-1"}
        status = {"authenticated": known, "user": user if known else {}}
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def cluster():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        team.person_box("ada")("login", "--user", "ada")  # makes the CA known
        yield team


class Host:
    """A machine of ren's, with all that ren can log in by in files of its working folder."""

    def __init__(self, team, cluster):
        self.team, self.api = team, team.bao.api
        self.box = team.person_box("ren").box
        for method in ("approle", "cert", "jwt", "kubernetes"):
            self.api("POST", f"sys/auth/{method}", {"type": method})
        self.accessors = {mount.strip("/"): one["accessor"] for mount, one in self.api("GET", "sys/auth")["data"].items()}
        for allow in (self.approle, self.cert, self.jwt, self.token):
            allow()
        self.kubernetes(cluster)

    def is_ren(self, method, alias):
        """Whom the auth method calls so is ren."""
        entity = self.team.member("ren").entity
        self.api("POST", "identity/entity-alias", {"name": alias, "canonical_id": entity, "mount_accessor": self.accessors[method]})

    def approle(self):
        self.api("POST", "auth/approle/role/night", {"token_ttl": "1h"})
        role_id = self.api("GET", "auth/approle/role/night/role-id")["data"]["role_id"]
        self.box.secret("role-id", role_id)
        self.box.secret("secret-id", self.api("POST", "auth/approle/role/night/secret-id")["data"]["secret_id"])
        self.box.secret("wrapped-secret-id", self.api("POST", "auth/approle/role/night/secret-id", headers=WRAPPED)["wrap_info"]["token"])
        self.is_ren("approle", role_id)

    def cert(self):
        tls = self.team.bao.tls
        tls.issue("ren", ExtendedKeyUsageOID.CLIENT_AUTH, address=None, begin=-9)  # one of ten days is left
        for name in ("ren.pem", "ren.key"):
            self.box.secret(name, (tls.folder / name).read_text())
        self.api("POST", "auth/cert/certs/night", {"certificate": tls.file.read_text(), "allowed_common_names": "ren"})
        self.is_ren("cert", "ren")

    def jwt(self):
        issuer = Issuer(self.box)
        public = run(["openssl", "pkey", "-in", issuer.key, "-pubout"]).stdout
        self.api("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [public], "bound_issuer": issuer.name, "jwt_supported_algs": ["EdDSA"]})
        self.api("POST", "auth/jwt/role/night", {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"]})
        self.box.secret("jwt", issuer.token(claims=issuer.claims(aud="vault", sub="job")))
        self.is_ren("jwt", "job")

    def kubernetes(self, cluster):
        config = {"kubernetes_host": cluster, "kubernetes_ca_cert": self.team.bao.tls.file.read_text(), "token_reviewer_jwt": "reviewer"}
        self.api("POST", "auth/kubernetes/config", config)
        self.api("POST", "auth/kubernetes/role/night", {"bound_service_account_names": "ymgr", "bound_service_account_namespaces": "apps"})
        account = {"namespace": "apps", "service-account.name": "ymgr", "service-account.uid": "u-1"}
        claims = {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:apps:ymgr"}
        claims |= {f"kubernetes.io/serviceaccount/{name}": value for name, value in account.items()}
        parts = [json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"known"]
        self.box.secret("pod-jwt", ".".join(map(b64url, parts)))
        self.is_ren("kubernetes", "u-1")

    def token(self):
        self.api("POST", "auth/token/roles/night", {"allowed_entity_aliases": ["night"], "orphan": True})
        self.is_ren("token", "night")
        lent = {"entity_alias": "night", "ttl": "1h"}
        self.box.secret("token", self.api("POST", "auth/token/create/night", lent)["auth"]["client_token"])
        self.box.secret("wrapped-token", self.api("POST", "auth/token/create/night", lent, headers=WRAPPED)["wrap_info"]["token"])

    def ymgr(self, auth="userpass", **files):
        """One whose configuration names this method, and files by their names."""
        config = json.dumps({"auth": auth} | {key: str(self.box.work / name) if key.endswith("_file") else name for key, name in files.items()})
        text = self.team.config.read_text().replace("vault: {", "vault: {" + config[1:-1] + ", ")
        path = self.box.file(f"{auth}-{len(files)}.yaml", text)
        return Ymgr(self.team.ymgr.program, self.box, {"YMGR_CONFIG": str(path)})


@pytest.fixture(scope="module")
def host(team, cluster):
    return Host(team, cluster)


@pytest.mark.parametrize("way", LOGINS)
def test_a_login_by_each_method_opens_a_session(host, way):
    ymgr = host.ymgr(**(UNATTENDED["cert"] if way == "cert" else {}))
    words = ["login", "--method", *LOGINS[way].split()]
    assert ymgr.json(*words)["session"] == "file"
    assert {name: ymgr.json("whoami")[name] for name in ("user", "role")} == {"user": "ren", "role": "renewer"}
    assert ymgr.json("logout")["ended"] is True
    assert ymgr.json("whoami", exit=4)["code"] == "not-logged-in"
    if "wrapped" in way:
        assert ymgr.json(*words, exit=4)["code"] == "vault-wrapping-invalid"  # it is opened once


@pytest.mark.parametrize("method", UNATTENDED)
def test_a_command_logs_in_by_the_configured_files_and_leaves_nothing_behind(team, host, method):
    logins = f"SELECT rolname FROM pg_roles WHERE rolname LIKE 'u-{team.member('ren').entity}.%'"
    before = team.pg.sql(logins).split()  # some of commands before may be about to go
    told = host.ymgr(method, **UNATTENDED[method]).json("whoami")
    assert (told["user"], told["role"], told["session"]) == ("ren", "renewer", "command")
    assert set(team.pg.sql(logins).split()) <= set(before)


def watched(ymgr, **env):
    """What ends of the logins, by kind."""
    ends = ymgr.json("renew", "--due", env=env)["watched"]
    return {one["kind"]: one for one in ends if one["kind"] in ("token", "session", "login-certificate")}


def test_the_nightly_renewal_watches_its_own_login(host):
    password = {"YMGR_USER": "ren", "YMGR_PASSWORD_FILE": str(host.team.folder / "password")}
    assert watched(host.ymgr(), **password) == {}
    for variable in ("VAULT_TOKEN", "BAO_TOKEN"):
        (token,) = watched(host.ymgr(), **{variable: (host.box.work / "token").read_text()}).values()
        assert (token["kind"], token["due"]) == ("token", False)
    (certificate,) = watched(host.ymgr("cert", **UNATTENDED["cert"])).values()
    assert certificate["kind"] == "login-certificate" and "ren" in certificate["name"]
    assert certificate["due"] is True and "vault.certificate_file" in certificate["next_step"]
    (line,) = host.ymgr("cert", **UNATTENDED["cert"]).json("doctor", "--check", "login-certificate", exit=11)["checks"]
    assert line["state"] == "warning" and "ren.pem expires on" in line["finding"]
    assert host.ymgr().json("doctor", "--check", "login-certificate")["checks"][0]["state"] == "skipped"
    host.ymgr().json("login", "--method", "token", "--token-file", "token")
    assert set(watched(host.ymgr())) == {"session"}
