"""`ymgr init --team`: what --apply makes of servers that have something already, also after it was cut short, and what --check tells."""

import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import RELEASE, Box, Ymgr, run
from openbao import OpenBao
from postgres import Postgres
from team import PASSWORD
from vault_proxy import VaultProxy


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with OpenBao(tmp_path_factory.mktemp("bao")).start() as bao, Postgres().start() as pg:
        yield bao, pg


@pytest.fixture
def place(servers, tmp_path):
    place = Place(*servers, tmp_path)
    yield place
    place.box.remove()


class Place:
    """A namespace of Vault and a database for one team, nothing in them yet."""

    count = 0

    def __init__(self, bao, pg, folder):
        Place.count += 1
        self.bao, self.pg, self.folder, self.name = bao, pg, folder, f"team{Place.count}"
        bao.api("POST", f"sys/namespaces/{self.name}", {})
        pg.sql(f"CREATE DATABASE {self.name}", database="postgres")
        self.box = Box(folder / "box")
        self.ymgr = Ymgr(RELEASE, self.box, {"YMGR_CONFIG": str(self.write_config(bao.address))})
        self.password = self.box.secret("password", PASSWORD)

    def write_config(self, address):
        path = self.folder / "team.yaml"
        vault = {"address": address, "ca_file": self.bao.ca_file, "namespace": self.name, "domains": ["corp.test"]}
        database = {"host": self.pg.env["PGHOST"], "port": int(self.pg.env["PGPORT"]), "name": self.name, "roles": f"{self.name}_"}
        path.write_text(json.dumps({"vault": vault, "database": database}))
        return path

    def vault(self, method, path, body=None):
        return self.bao.api(method, path, body, headers={"X-Vault-Namespace": self.name})

    def read(self, path):
        return self.vault("GET", path)["data"]

    def sql(self, text):
        return self.pg.sql(text, database=self.name)

    def init(self, *words, **how):
        return self.ymgr.json("init", "--team", *words, env={"BAO_TOKEN": self.bao.root_token}, **how)

    def apply(self, *words, **how):
        return self.init("--apply", "--yes", "--database-user", "postgres", *words, **how)

    def apply_with_admin(self, *words):
        return self.apply("--admin", "ada", "--password-file", self.password, *words)

    def missing(self, exit=0):
        return [one["what"] for one in self.init("--check", exit=exit)["missing"]]

    def login(self, name="ada"):
        self.ymgr("login", "--user", name, "--password-file", self.password)

    def first_login_of_engine(self):
        """What PostgreSQL checks the engine's password by."""
        return self.sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{self.name}_vault'")


class Apply:
    """By ymgr itself."""

    def __init__(self, place):
        self.place = place

    def __call__(self, address, works):
        self.place.write_config(address)
        words = ["init", "--team", "--apply", "--yes", "--database-user", "postgres", "--create-ca"]
        done = self.place.ymgr(*words, env={"BAO_TOKEN": self.place.bao.root_token}, exit=None)
        assert (done.exit == 0) == works, done


class Script:
    """By the plan's files."""

    def __init__(self, place):
        self.place = place
        place.ymgr("init", "--team", "--plan", place.folder / "plan", "--create-ca")
        place.pg.psql("-f", place.folder / "plan/postgres.sql", database=place.name)
        place.sql(f"ALTER ROLE {place.name}_vault PASSWORD 'first'")
        (place.folder / "first").write_text("first")

    def __call__(self, address, works):
        env = {**self.place.pg.env, "BAO_ADDR": address, "BAO_TOKEN": self.place.bao.root_token}
        env["YMGR_DATABASE_PASSWORD_FILE"] = str(self.place.folder / "first")
        done = run(["bash", self.place.folder / "plan/vault.sh"], env=env, exit=None)
        assert (done.exit == 0) == works, done


REFUSED = (400, b'{"errors":["not today"]}')
# Where the first run ends, and how.
ENDS = [
    ("sys/mounts/yubikeys", "lost"),
    ("yubikeys/config", REFUSED),
    ("pki/config/crl", REFUSED),
    ("sys/mounts/pki/tune", REFUSED),
    ("pki-root/root/generate/internal", "lost"),
    ("pki/intermediate/generate/internal", "lost"),
    ("pki-root/root/sign-intermediate", REFUSED),
    ("pki/intermediate/set-signed", REFUSED),
    ("database/config/ymgr-postgres", REFUSED),
    ("database/rotate-root/ymgr-postgres", REFUSED),
]


@pytest.mark.parametrize("way", [Apply, Script])
@pytest.mark.parametrize("path, how", ENDS, ids=[path for path, _ in ENDS])
def test_a_set_up_that_was_cut_short_is_finished_by_the_next(place, way, path, how):
    set_up = way(place)
    with VaultProxy(place.bao) as proxy:
        once = iter([how])
        proxy.rule = lambda method, asked: next(once, None) if (method, asked) == ("POST", path) else None
        set_up(proxy.address, works=False)
        assert next(once, None) is None, proxy.seen
    between = place.first_login_of_engine()
    set_up(place.bao.address, works=True)
    assert place.missing() == []
    kv, crl = place.read("yubikeys/config"), place.read("pki/config/crl")
    assert (kv["cas_required"], kv["max_versions"], crl["auto_rebuild"]) == (True, 100, True)
    assert {mount["description"] for name, mount in place.read("sys/mounts").items() if name in ("yubikeys/", "pki/")} == {""}
    check_ca(place)
    assert place.read("database/config/ymgr-postgres")["allowed_roles"] == ["u-*"]
    rotated = place.first_login_of_engine()
    assert rotated != between
    set_up(place.bao.address, works=True)
    assert place.first_login_of_engine() == rotated
    check_ca(place)


@pytest.mark.parametrize("way", [Apply, Script])
def test_a_key_that_somebody_planted_becomes_no_ca(place, way):
    place.vault("POST", "sys/mounts/pki", {"type": "pki"})
    planted = place.vault("POST", "pki/keys/generate/exported", {"key_type": "ec", "key_bits": 256, "key_name": "ymgr-unfinished"})
    way(place)(place.bao.address, works=True)
    known = serialization.load_pem_private_key(planted["data"]["private_key"].encode(), None)
    ca = x509.load_pem_x509_certificate(place.read("pki/issuer/default")["certificate"].encode())
    assert ca.public_key() != known.public_key()
    check_ca(place)


def check_ca(place):
    """One root, and one CA below it whose chain is whole; no key but theirs."""
    assert len(place.vault("LIST", "pki-root/issuers")["data"]["keys"]) == 1
    assert [len(place.vault("LIST", f"{mount}/keys")["data"]["keys"]) for mount in ("pki-root", "pki")] == [1, 1]
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in place.read("pki/issuer/default")["ca_chain"]]
    root = x509.load_pem_x509_certificate(place.read("pki-root/issuer/default")["certificate"].encode())
    assert len(chain) == 2 and chain[1] == root
    chain[0].verify_directly_issued_by(root)


def test_a_connection_whose_first_password_stands_is_told(place):
    with VaultProxy(place.bao) as proxy:
        proxy.rule = lambda method, path: REFUSED if "rotate-root" in path else None
        Apply(place)(proxy.address, works=False)
    place.write_config(place.bao.address)
    assert place.missing(exit=1) == ["the database engine's connection database/config/ymgr-postgres"]


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def import_without_root(place):
    """An issuing CA in the PKI mount, signed by a root that Vault never sees."""
    csr = x509.load_pem_x509_csr(place.vault("POST", "pki/intermediate/generate/internal", {"common_name": "Corp Issuing"})["data"]["csr"].encode())
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name_of("Corp Root"), csr.subject, csr.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=900))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), critical=False)
    usage = dict.fromkeys(["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"], False)
    usage |= dict.fromkeys(["encipher_only", "decipher_only"], False) | dict.fromkeys(["key_cert_sign", "crl_sign"], True)
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    place.vault("POST", "pki/intermediate/set-signed", {"certificate": pem})


def make_own_root(place):
    place.vault("POST", "pki/root/generate/internal", {"common_name": "Corp CA", "ttl": "8760h", "key_type": "ec", "key_bits": 256})


def test_a_ca_that_is_its_own_root_is_exported_as_such(place):
    place.vault("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "8760h"}})
    make_own_root(place)
    place.apply_with_admin()
    place.login()
    own = place.read("pki/issuer/default")["certificate"].strip()
    for what in ("root", "issuing", "chain"):
        assert place.ymgr.json("ca", "export", "--what", what)["content"].strip() == own


def test_a_ca_whose_root_nobody_imported_has_none_to_export(place):
    place.vault("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    import_without_root(place)
    place.apply_with_admin()
    place.login()
    refused = place.ymgr.json("ca", "export", "--what", "root", exit=3)
    assert refused["code"] == "certificate-not-found" and "Corp Root" in refused["suggestion"]
    own = place.read("pki/issuer/default")["certificate"].strip()
    assert place.ymgr.json("ca", "export", "--what", "chain")["content"].strip() == own


MOUNTS = {"yubikeys": "kv", "transit": "transit", "pki": "pki", "pki-root": "pki", "database": "database"}


def tuned(place):
    """All that somebody else may have set in their mounts."""
    told = {"mounts": {name: mount for name, mount in place.read("sys/mounts").items() if name.strip("/") in MOUNTS}}
    told["auth"] = place.read("sys/auth")["userpass/"]
    for path in [*(f"sys/mounts/{name}/tune" for name in MOUNTS), "sys/auth/userpass/tune", "yubikeys/config"]:
        told[path] = place.read(path)
    for path in ("config/crl", "config/urls", "config/issuers", "config/keys", "config/cluster"):
        told[path] = {name: place.read(f"{name}/{path}") for name in ("pki", "pki-root")}
    issuers = place.vault("LIST", "pki/issuers")["data"]["keys"]
    told["issuers"] = {issuer: place.read(f"pki/issuer/{issuer}") for issuer in issuers}
    told["keys"] = place.vault("LIST", "pki/keys")["data"]
    return told


def test_mounts_of_others_are_never_tuned(place):
    for name, kind in MOUNTS.items():
        options = {"options": {"version": "2"}} if kind == "kv" else {}
        place.vault("POST", f"sys/mounts/{name}", {"type": kind, "description": f"ours: {name}", "config": {"max_lease_ttl": "9000h"}, **options})
    place.vault("POST", "sys/auth/userpass", {"type": "userpass", "description": "people", "config": {"max_lease_ttl": "5h"}})
    place.vault("POST", "yubikeys/config", {"max_versions": 7, "delete_version_after": "9000h"})
    place.vault("POST", "pki/config/crl", {"expiry": "99h"})
    place.vault("POST", "pki/config/urls", {"crl_distribution_points": ["http://pki.corp.test/crl"]})
    make_own_root(place)
    before = tuned(place)
    kept = place.apply("--create-ca", "--crl-url", "http://other.corp.test/crl")["kept"]
    assert tuned(place) == before
    assert {f"mount {name}" for name in MOUNTS if name != "pki-root"} | {"mount userpass", "CA"} <= set(kept)


def test_the_owner_of_the_schema_cannot_log_in_and_owns_all_of_it(place):
    place.apply("--create-ca")
    owner = f"{place.name}_owner"
    assert place.sql(f"SELECT rolcanlogin, rolpassword IS NULL, rolsuper, rolcreaterole FROM pg_authid WHERE rolname = '{owner}'") == "f|t|f|f"
    everything = (
        "SELECT 'table', relname, relowner FROM pg_class WHERE relnamespace = 'ymgr'::regnamespace"
        " UNION ALL SELECT 'function', proname, proowner FROM pg_proc WHERE pronamespace = 'ymgr'::regnamespace"
        " UNION ALL SELECT 'schema', nspname, nspowner FROM pg_namespace WHERE nspname = 'ymgr'"
    )
    assert place.sql(f"SELECT count(DISTINCT kind) FROM ({everything}) AS e (kind, name, owner)") == "3"
    assert place.sql(f"SELECT kind, name FROM ({everything}) AS e (kind, name, owner) WHERE owner <> '{owner}'::regrole") == ""


def test_every_function_has_a_search_path_of_its_own(place):
    """Those of the grants, too; or names that were looked up when it was made."""
    place.apply("--create-ca")
    functions = "FROM pg_proc WHERE pronamespace = 'ymgr'::regnamespace"
    assert place.sql(f"SELECT count(*) > 0 {functions} AND proname = 'end_login'") == "t"
    fixed = "EXISTS (SELECT FROM unnest(proconfig) AS one WHERE one LIKE 'search\\_path=%')"
    assert place.sql(f"SELECT proname {functions} AND prosqlbody IS NULL AND {fixed} IS NOT TRUE") == ""


def test_what_an_older_database_lacks_is_told_to_whoever_is_logged_in(place):
    place.apply_with_admin("--create-ca")
    place.login()
    last = int(place.sql("SELECT max(number) FROM ymgr.schema_migrations"))
    place.sql(f"DELETE FROM ymgr.schema_migrations WHERE number = {last}")
    refused = place.ymgr.json("device", "list", exit=2)
    assert refused["code"] == "database-older" and "ymgr db upgrade" in refused["suggestion"]
    missing = place.ymgr.json("init", "--team", "--check", exit=1)["missing"]
    assert [one["what"] for one in missing] == [f"schema {last}: it has {last - 1}"]


def wrapped(place, path, body=None):
    headers = {"X-Vault-Namespace": place.name, "X-Vault-Wrap-TTL": "60s"}
    return place.box.secret(f"wrapped-{path.replace('/', '-')}", place.bao.api("POST", path, body or {}, headers=headers)["wrap_info"]["token"])


def test_what_is_wrapped_needs_the_name_of_its_role(place):
    place.vault("POST", "sys/auth/approle", {"type": "approle"})
    place.vault("POST", "auth/approle/role/ci", {})
    place.vault("POST", "auth/token/roles/forosc", {})
    role_id = place.box.secret("role-id", place.read("auth/approle/role/ci/role-id")["role_id"])
    words = ["login", "--method", "approle", "--wrapped", "--role-id-file", role_id, "--secret-id-file", wrapped(place, "auth/approle/role/ci/secret-id")]
    refused = place.ymgr.json(*words, exit=2)
    assert refused["code"] == "usage" and "--role" in refused["suggestion"]
    token = ["login", "--method", "token", "--wrapped", "--token-file", wrapped(place, "auth/token/create/forosc")]
    refused = place.ymgr.json(*token, exit=4)
    assert refused["code"] == "vault-wrapping-invalid" and "--role" in refused["suggestion"]
    refused = place.ymgr.json(*token, "--role", "forosc", exit=4)  # opened, and nobody's
    assert refused["code"] == "login-refused"
