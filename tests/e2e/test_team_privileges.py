"""Modified clients: what each role tries on the servers with its own credentials, past any program of ours, and what it may do."""

import base64
import pathlib
import re
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness import RELEASE, Box, Ymgr, wait_for
from team import PASSWORD, ROLES, Member, Team

DENIED = 403


def csr(key=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "any")]))
    request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


CSR = csr()
WEAK = csr(rsa.generate_private_key(65537, 2048))
UPN = "1.3.6.1.4.1.311.20.2.3;UTF8:"
FAR = "2045-01-01T00:00:00Z"
NO_CERTIFICATE = "00:11"

# {me}: the entity of whoever tries; {una}, {ada}: entities of others. uma has the YubiKeys 1001 and 1002, una has 2001.
VAULT = {
    "user": [
        ("the PUK of the own YubiKey", "GET", "yubikeys/data/1001/secrets", None, DENIED),
        ("another's PIN", "GET", "yubikeys/data/2001/pin", None, DENIED),
        ("another PIN for another", "POST", "yubikeys/data/2001/pin", {"data": {}, "options": {"cas": 1}}, DENIED),
        ("a PIN without looking", "POST", "yubikeys/data/1001/pin", {"data": {}}, "check-and-set parameter required"),
        ("no PIN", "DELETE", "yubikeys/data/1001/pin", None, DENIED),
        ("no former PIN", "PUT", "yubikeys/destroy/1001/pin", {"versions": [1]}, DENIED),
        ("one version", "POST", "yubikeys/metadata/1001/pin", {"max_versions": 1}, DENIED),
        ("everybody's serials", "LIST", "yubikeys/metadata", None, DENIED),
        ("another's certificate", "POST", "pki/sign/piv-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("an admin's name", "POST", "pki/sign/piv-{me}", {"csr": CSR, "common_name": "ada"}, "not allowed by this role"),
        ("an admin's login", "POST", "pki/sign/piv-{me}", {"csr": CSR, "common_name": "uma", "other_sans": UPN + "ada@ad.corp.test"}, "not allowed"),
        ("a server's name", "POST", "pki/sign/piv-{me}", {"csr": CSR, "common_name": "uma", "alt_names": "www.corp.test"}, "not allowed"),
        ("an address", "POST", "pki/sign/piv-{me}", {"csr": CSR, "common_name": "uma", "ip_sans": "10.0.0.1"}, "IP Subject Alternative Names are not allowed"),
        ("a long life", "POST", "pki/sign/piv-{me}", {"csr": CSR, "common_name": "uma", "not_after": FAR}, "ttl-limited"),
        ("another's mail", "POST", "pki/sign/email-{me}", {"csr": CSR, "common_name": "uma", "alt_names": "una@corp.test"}, "not allowed by this role"),
        ("another's mailbox", "POST", "pki/sign/email-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("a login by way of mail", "POST", "pki/sign/email-{me}", {"csr": CSR, "common_name": "uma", "other_sans": UPN + "uma@ad.corp.test"}, "not allowed"),
        ("another client", "POST", "pki/sign/client-{me}", {"csr": CSR, "common_name": "ada"}, "not allowed by this role"),
        ("a key for doors", "POST", "pki/sign/card-{me}", {"csr": CSR, "common_name": "uma"}, DENIED),
        ("a server's certificate", "POST", "pki/sign/ymgr-tls-server-ec", {"csr": CSR, "common_name": "www.corp.test"}, DENIED),
        ("any certificate", "POST", "pki/sign-verbatim", {"csr": CSR}, DENIED),
        ("any by the own role", "POST", "pki/sign-verbatim/piv-{me}", {"csr": CSR}, DENIED),
        ("a key from the CA", "POST", "pki/issue/piv-{me}", {"common_name": "uma"}, DENIED),
        ("another issuer", "POST", "pki/issuer/default/sign/piv-{me}", {"csr": CSR, "common_name": "uma"}, DENIED),
        ("a wider role", "POST", "pki/roles/piv-{me}", {"allow_any_name": True}, DENIED),
        ("revocation of another's", "POST", "pki/revoke", {"serial_number": NO_CERTIFICATE}, DENIED),
        ("another's database role", "GET", "database/creds/u-{una}", None, DENIED),
        ("another YubiKey", "POST", "identity/entity/id/{me}", {"metadata": {"serial0": "2001"}}, DENIED),
        ("more rights", "POST", "identity/entity/id/{me}", {"policies": ["ymgr-admin"]}, DENIED),
        ("a key", "POST", "transit/keys/mine", {"type": "ecdsa-p256"}, DENIED),
        ("a signature of another's key", "POST", "transit/sign/web1", {"input": "AAAA"}, DENIED),
        ("another's password", "POST", "auth/userpass/users/una/password", {"password": "mine"}, DENIED),
        ("an account of one's own", "POST", "auth/userpass/users/uma", {"token_policies": ["ymgr-admin"]}, DENIED),
        ("a token that outlives", "POST", "auth/token/create", {"ttl": "768h"}, DENIED),
        ("a wider policy", "POST", "sys/policies/acl/ymgr-user", {"policy": ""}, DENIED),
    ],
    "operator": [
        ("any certificate", "POST", "pki/sign-verbatim", {"csr": CSR}, DENIED),
        ("a person's certificate", "POST", "pki/sign/piv-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("an admin's certificate", "POST", "pki/sign/piv-{ada}", {"csr": CSR, "common_name": "ada"}, DENIED),
        ("a person's mailbox", "POST", "pki/sign/email-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("another's key for doors", "POST", "pki/sign/card-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("a key for doors in another name", "POST", "pki/sign/card-{me}", {"csr": CSR, "common_name": "una"}, "not allowed by this role"),
        ("a client called like an admin", "POST", "pki/sign/ymgr-tls-client-ec", {"csr": CSR, "common_name": "ada"}, "not allowed by this role"),
        ("a client by a person's mail", "POST", "pki/sign/ymgr-tls-client-ec", {"csr": CSR, "common_name": "ada@corp.test"}, "not allowed|is not a valid hostname"),
        ("a client with a person's login", "POST", "pki/sign/ymgr-tls-client-ec", {"csr": CSR, "common_name": "a.corp.test", "other_sans": UPN + "ada@ad.corp.test"}, "not allowed"),
        ("a foreign domain", "POST", "pki/sign/ymgr-tls-server-ec", {"csr": CSR, "common_name": "www.bank.test"}, "not allowed by this role"),
        ("a foreign address", "POST", "pki/sign/ymgr-tls-server-ec", {"csr": CSR, "common_name": "a.corp.test", "ip_sans": "8.8.8.8"}, "not allowed"),
        ("a weak key", "POST", "pki/sign/ymgr-tls-server-rsa", {"csr": WEAK, "common_name": "a.corp.test"}, "minimum of a 3072-bit key"),
        ("a long life", "POST", "pki/sign/ymgr-tls-server-ec", {"csr": CSR, "common_name": "a.corp.test", "not_after": FAR}, "ttl-limited"),
        ("another CA", "POST", "pki/root/generate/internal", {"common_name": "mine"}, DENIED),
        ("no CA", "DELETE", "pki/issuer/default", None, DENIED),
        ("a wider role", "POST", "pki/roles/ymgr-tls-server-ec", {"allow_any_name": True}, DENIED),
        ("an exportable key", "POST", "transit/keys/e1", {"type": "ecdsa-p256", "exportable": True}, DENIED),
        ("one by another word", "POST", "transit/keys/e2", {"type": "ecdsa-p256", "exportable": "t"}, DENIED),
        ("one by a number", "POST", "transit/keys/e3", {"type": "ecdsa-p256", "exportable": 1}, DENIED),
        ("a key with backups", "POST", "transit/keys/e4", {"type": "ecdsa-p256", "allow_plaintext_backup": True}, DENIED),
        ("a key that becomes exportable", "POST", "transit/keys/web1/config", {"exportable": True}, DENIED),
        ("a key's export", "GET", "transit/export/signing-key/web1", None, DENIED),
        ("a key's backup", "GET", "transit/backup/web1", None, DENIED),
        ("one version", "POST", "yubikeys/metadata/1001/secrets", {"max_versions": 1}, DENIED),
        ("no history", "DELETE", "yubikeys/metadata/1001/secrets", None, DENIED),
        ("an accomplice's rights", "POST", "identity/entity/id/{una}", {"policies": ["ymgr-admin"]}, DENIED),
        ("the same with metadata", "POST", "identity/entity/id/{una}", {"metadata": {}, "policies": ["root"]}, DENIED),
        ("an entity by its name", "POST", "identity/entity/name/una", {"policies": ["ymgr-admin"]}, DENIED),
        ("another login for an admin", "POST", "identity/entity-alias", {"name": "oscar", "canonical_id": "{ada}"}, DENIED),
        ("a group of admins", "POST", "identity/group", {"name": "g", "policies": ["ymgr-admin"], "member_entity_ids": ["{me}"]}, DENIED),
        ("merged with an admin", "POST", "identity/entity/merge", {"to_entity_id": "{me}", "from_entity_ids": ["{ada}"]}, DENIED),
        ("an admin's password", "POST", "auth/userpass/users/ada", {"password": "mine"}, DENIED),
        ("another name", "POST", "identity/entity/id/{me}", {"name": "ada"}, DENIED),
        ("an admin's password by the name", "POST", "auth/userpass/users/ada/password", {"password": "mine"}, DENIED),
        ("an admin's database role", "GET", "database/creds/u-{ada}", None, DENIED),
        ("a wider database role", "POST", "database/roles/u-{me}", {"db_name": "ymgr-postgres"}, DENIED),
        ("the engine's password", "POST", "database/config/ymgr-postgres", {"password": "mine"}, DENIED),
        ("a mount", "POST", "sys/mounts/mine", {"type": "kv"}, DENIED),
        ("a signed checkpoint", "POST", "transit/sign/ymgr-audit", {"input": "AAAA"}, DENIED),
        ("a request by the key of checkpoints", "POST", "transit/keys/ymgr-audit/csr", {"csr": CSR}, DENIED),
        ("no key of checkpoints", "POST", "transit/keys/ymgr-audit/config", {"deletion_allowed": True}, DENIED),
        ("a checkpoint", "POST", "yubikeys/data/ymgr-checkpoints", {"data": {}, "options": {"cas": 0}}, DENIED),
        ("a licence", "POST", "yubikeys/data/ymgr-license", {"data": {}, "options": {"cas": 0}}, DENIED),
    ],
    "auditor": [
        ("a PIN", "GET", "yubikeys/data/1001/pin", None, DENIED),
        ("a PUK", "GET", "yubikeys/data/1001/secrets", None, DENIED),
        ("a certificate", "POST", "pki/sign/ymgr-tls-server-ec", {"csr": CSR, "common_name": "a.corp.test"}, DENIED),
        ("a signature", "POST", "transit/sign/web1", {"input": "AAAA"}, DENIED),
        ("a checkpoint", "POST", "yubikeys/data/ymgr-checkpoints", {"data": {}, "options": {"cas": 0}}, DENIED),
        ("a licence", "POST", "yubikeys/data/ymgr-license", {"data": {}, "options": {"cas": 0}}, DENIED),
        ("a signed checkpoint", "POST", "transit/sign/ymgr-audit", {"input": "AAAA"}, DENIED),
        ("a revocation", "POST", "pki/revoke", {"serial_number": NO_CERTIFICATE}, DENIED),
        ("another person", "POST", "identity/entity/id/{una}", {"metadata": {}}, DENIED),
    ],
    "renewer": [
        ("a PIN", "GET", "yubikeys/data/1001/pin", None, DENIED),
        ("an exportable key", "POST", "transit/keys/e6", {"type": "ecdsa-p256", "exportable": True}, DENIED),
        ("no key", "DELETE", "transit/keys/web1", None, DENIED),
        ("a signed checkpoint", "POST", "transit/sign/ymgr-audit", {"input": "AAAA"}, DENIED),
        ("a person's certificate", "POST", "pki/sign/piv-{una}", {"csr": CSR, "common_name": "una"}, DENIED),
        ("a revocation", "POST", "pki/revoke", {"serial_number": NO_CERTIFICATE}, DENIED),
    ],
    "admin": [
        ("an exportable key", "POST", "transit/keys/e5", {"type": "ecdsa-p256", "exportable": True}, DENIED),
        ("a key that becomes exportable", "POST", "transit/keys/web1/config", {"exportable": True}, DENIED),
        ("a key's export", "GET", "transit/export/signing-key/web1", None, DENIED),
        ("no key of checkpoints", "POST", "transit/keys/ymgr-audit/config", {"deletion_allowed": True}, DENIED),
        ("no former checkpoint", "PUT", "yubikeys/destroy/ymgr-checkpoints", {"versions": [1]}, DENIED),
        ("no newest checkpoint", "DELETE", "yubikeys/data/ymgr-checkpoints", None, DENIED),
        ("no former licence", "PUT", "yubikeys/destroy/ymgr-license", {"versions": [1]}, DENIED),
        ("no licence", "DELETE", "yubikeys/data/ymgr-license", None, DENIED),
        ("another's database role", "GET", "database/creds/u-{una}", None, DENIED),
    ],
}

CERTIFICATE = (
    "INSERT INTO ymgr.certificates (cert_id, name, subject, sans, serial_number, issuer, ca_name, key_reference, key_algorithm,"
    " public_key_sha256, key_created_at, profile, owner, labels, policy_version, status, issued_at, not_before, expires_at, renew_at,"
    " fingerprint, pem, request_id, issued_by) VALUES ('{id}', '{id}', '', '[]', '{id}', 'ca', 'ca', 'transit:x', 'ec-p256', '{id}', 0,"
    " 'tls-server', '{owner}', '{{}}', 'v1', '{status}', 0, 0, 0, 0, '', 'pem', 'r', '{by}')"
)
SESSION = "INSERT INTO ymgr.user_sessions (session_id, user_name, created_at, expires_at) VALUES ('{id}', '{who}', 0, {now} + {hours} * 3600000000)"
NOW = "floor(extract(epoch FROM now()) * 1000000)::bigint"
OPERATION = (
    "INSERT INTO ymgr.operations (request_id, kind, target, state, inputs, inputs_sha256, actor, item_count, created_at, updated_at)"
    " VALUES ('{id}', 'issue', 't', 'open', '{{}}', '', '{who}', 1, 0, 0)"
)
AUDIT = "INSERT INTO ymgr.audit_events (at, actor, request_id, event, target, data) VALUES (7, 'ada', 'r', 'forged.{0}', 't', '{{}}')"


def certificate(id, owner, by, status="active"):
    return CERTIFICATE.format(id=id, owner=owner, by=by, status=status)


def session(id, who, hours):
    return SESSION.format(id=id, who=who, hours=hours, now=NOW)


def step(kind, target):
    return f"INSERT INTO ymgr.operation_items VALUES ('op-uma', 7, '{kind}', '{target}', 'open', 'planned', '{{}}', NULL, 0)"


NO_RIGHT = "permission denied"
NO_ROW = "violates row-level security"
NOTHING = ""  # no row is there for this role
OUT_OF_CHAIN = "INSERT INTO ymgr.audit_events (seq, at, actor, request_id, event, target, data, hash) VALUES (9, 0, '', '', '', '', '', '')"
SQL = {
    "user": [
        ("another's certificates", "SELECT cert_id FROM ymgr.certificates WHERE owner <> 'uma'", NOTHING),
        ("another's certificates for people", "SELECT cert_id FROM ymgr.readable_certificates WHERE owner <> 'uma'", NOTHING),
        ("another's YubiKeys", "SELECT serial FROM ymgr.devices WHERE owner <> 'uma'", NOTHING),
        ("another's sessions", "SELECT session_id FROM ymgr.user_sessions WHERE user_name <> 'uma'", NOTHING),
        ("another's operations", "SELECT request_id FROM ymgr.operations WHERE actor <> 'uma'", NOTHING),
        ("another's steps", "SELECT request_id FROM ymgr.operation_items WHERE request_id = 'op-oscar'", NOTHING),
        ("another's trail", "SELECT seq FROM ymgr.audit_events WHERE actor <> 'uma'", NOTHING),
        ("who there is", "SELECT name FROM ymgr.users WHERE name <> 'uma'", NOTHING),
        ("passwords", "SELECT password_verifier FROM ymgr.users", NO_RIGHT),
        ("names of certificates", "SELECT certificate_names FROM ymgr.users", NO_RIGHT),
        ("another name for certificates", "UPDATE ymgr.users SET certificate_names = 'una' WHERE name = 'uma'", NO_RIGHT),
        ("sealed rows", "SELECT box FROM ymgr.secrets", NO_RIGHT),
        ("a certificate for another", certificate("c1", "una", "uma"), NO_ROW),
        ("a certificate by another", certificate("c2", "uma", "ada"), NO_ROW),
        ("a server's certificate that others renew", certificate("c9", "uma", "uma"), NO_ROW),
        ("another owner", "UPDATE ymgr.certificates SET owner = 'una' WHERE cert_id = 'c-uma'", NO_RIGHT),
        ("another key", "UPDATE ymgr.certificates SET pem = 'x' WHERE cert_id = 'c-uma'", NO_RIGHT),
        ("another's status", "UPDATE ymgr.certificates SET status = 'superseded' WHERE cert_id = 'c-oscar' RETURNING 1", NOTHING),
        ("a revocation that no CA knows", "UPDATE ymgr.certificates SET status = 'revoked' WHERE cert_id = 'c-uma'", NO_ROW),
        ("no certificate", "DELETE FROM ymgr.certificates", NO_RIGHT),
        ("no certificates at all", "TRUNCATE ymgr.certificates CASCADE", NO_RIGHT),
        ("another's session", session("s1", "ada", 1), NO_ROW),
        ("a long session", session("s2", "uma", 9), "lives 8 h at most"),
        ("a longer session", "UPDATE ymgr.user_sessions SET expires_at = expires_at + 1 WHERE session_id = 's-uma'", NO_RIGHT),
        ("a session again", "UPDATE ymgr.user_sessions SET ended_at = NULL WHERE session_id = 's-ended'", "begins again"),
        ("another's session's end", "UPDATE ymgr.user_sessions SET ended_at = 1 WHERE session_id = 's-oscar' RETURNING 1", NOTHING),
        ("an operation of another", OPERATION.format(id="o1", who="ada"), NO_ROW),
        ("a revocation that the next operator carries out", OPERATION.replace("'issue'", "'revoke'").format(id="o4", who="uma"), NO_ROW),
        ("other inputs", "UPDATE ymgr.operations SET inputs = '{}' WHERE request_id = 'op-uma'", NO_RIGHT),
        ("another's renewal, kept from the next run", step("renew", "c-oscar"), NO_ROW),
        ("a revocation's step", step("revoke", "c-uma"), NO_ROW),
        ("another's YubiKey, kept from operators", step("device", "2001"), NO_ROW),
        ("no operation", "DELETE FROM ymgr.operations", NO_RIGHT),
        ("a step again that has ended", "UPDATE ymgr.operation_items SET status = 'open' WHERE request_id = 'op-ended'", "does not begin again"),
        ("another's step", "UPDATE ymgr.operation_items SET state = 'x' WHERE request_id = 'op-oscar' RETURNING 1", NOTHING),
        ("a changed trail", "UPDATE ymgr.audit_events SET event = 'x'", NO_RIGHT),
        ("a shorter trail", "DELETE FROM ymgr.audit_events", NO_RIGHT),
        ("another head", "UPDATE ymgr.audit_head SET hash = ''", NO_RIGHT),
        ("a row out of the chain", OUT_OF_CHAIN, NO_RIGHT),
        ("a YubiKey of another", "UPDATE ymgr.devices SET owner = 'uma' WHERE serial = '2001'", NO_RIGHT),
        ("another name", "UPDATE ymgr.database_roles SET user_name = 'ada'", NO_RIGHT),
        ("a revocation by way of the next operator", "INSERT INTO ymgr.ca_revocations VALUES ('ca', 'c-oscar', 0, 'superseded', NULL, 0)", NO_RIGHT),
        ("what the CA did not sign", "UPDATE ymgr.ca_issued SET cert_id = 'x'", NO_RIGHT),
        ("another CA", "UPDATE ymgr.issuers SET certificate = 'x'", NO_RIGHT),
        ("a denied key again", "DELETE FROM ymgr.denied_keys", NO_RIGHT),
        ("a report of the whole", "INSERT INTO ymgr.compliance_reports VALUES (1, 1, 'uma', 'v1', 0, 0, 0, 0, 0, 0)", NO_RIGHT),
        ("a host that is none", "INSERT INTO ymgr.heartbeats VALUES ('urgent: https://evil.test', 'uma', 1)", "no host name"),
        ("a heartbeat for the hosts of others", "INSERT INTO ymgr.heartbeats VALUES ('web1', 'uma', 1, 1, 0, NULL, 1) RETURNING 1", NOTHING),
        ("an operation whose id runs programs", OPERATION.format(id="o5 $(id)", who="uma"), "no request id"),
        ("a certificate whose id runs programs", certificate("c9; id", "uma", "uma"), "no certificate id"),
        ("another's heartbeat", "INSERT INTO ymgr.heartbeats VALUES ('web1', 'ada', 1, 1, 0, NULL, 1)", NO_ROW),
        ("what people were told", "SELECT detail FROM ymgr.notifications", NO_RIGHT),
        ("another policy", "UPDATE ymgr.settings SET value = 'x'", NO_RIGHT),
        ("another role", "SET ROLE ymgr_admin", NO_RIGHT),
        ("the owner", "SET ROLE ymgr_owner", NO_RIGHT),
        ("another login", "SET SESSION AUTHORIZATION ymgr_vault", NO_RIGHT),
        ("a role", "CREATE ROLE mine", NO_RIGHT),
        ("a longer life", "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'", NO_RIGHT),
        ("a table", "CREATE TABLE ymgr.mine ()", NO_RIGHT),
        ("a table that hides another", "CREATE TEMP TABLE users ()", NO_RIGHT),
        ("a function", "CREATE FUNCTION ymgr.actor2() RETURNS TEXT LANGUAGE sql AS 'SELECT 1'", NO_RIGHT),
        ("no trigger", "ALTER TABLE ymgr.audit_events DISABLE TRIGGER ALL", "must be owner"),
        ("no triggers", "SET session_replication_role = replica", NO_RIGHT),
        ("no row security", "SET row_security = off; SELECT 1 FROM ymgr.certificates", "row-level security"),
        ("another's connection", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ymgr_vault' OR pid <> pg_backend_pid() AND usename IS NOT NULL", "must be a member|superuser"),
        ("another's login's end", "SELECT ymgr.end_login(session_user)", NO_RIGHT),
        ("a program", "COPY (SELECT 1) TO PROGRAM 'id'", "must be superuser"),
        ("a file", "SELECT pg_read_file('/etc/passwd')", NO_RIGHT),
    ],
    "operator": [
        ("a row out of the chain", OUT_OF_CHAIN, NO_RIGHT),
        ("a week of its own", f"INSERT INTO ymgr.compliance_reports VALUES ({NOW} - 5, {NOW}, 'oscar', 'v1', 0, 0, 0, 0, 0, 0)", NO_ROW),
        ("a report of a former week", "INSERT INTO ymgr.compliance_reports VALUES (0, 1, 'oscar', 'v1', 0, 0, 0, 0, 0, 0)", NO_ROW),
        ("another certificate", "UPDATE ymgr.certificates SET pem = 'x' WHERE cert_id = 'c-uma'", NO_RIGHT),
        ("a certificate by another", certificate("c3", "una", "ada"), NO_ROW),
        ("no revocation", "UPDATE ymgr.certificates SET status = 'active', revoked_at = NULL, revocation_reason = NULL WHERE cert_id = 'c-revoked'", "a revocation stays"),
        ("no certificate", "DELETE FROM ymgr.certificates", NO_RIGHT),
        ("another's session", session("s3", "ada", 1), NO_ROW),
        ("another's session's end", "UPDATE ymgr.user_sessions SET ended_at = 1 WHERE session_id = 's-uma' RETURNING 1", NOTHING),
        ("an operation of another", OPERATION.format(id="o2", who="ada"), NO_ROW),
        ("another's operation in the own name", "UPDATE ymgr.operations SET actor = 'ada'", NO_RIGHT),
        ("a better role", "UPDATE ymgr.users SET role = 'admin' WHERE name = 'oscar'", NO_RIGHT),
        ("another name", "INSERT INTO ymgr.database_roles VALUES (split_part(session_user, '.', 1), 'ada')", NO_RIGHT),
        ("a shorter trail", "DELETE FROM ymgr.audit_events", NO_RIGHT),
        ("another policy", "UPDATE ymgr.settings SET value = 'x'", NO_RIGHT),
        ("no revocation to come", "DELETE FROM ymgr.ca_revocations", NO_RIGHT),
        ("another CA", "UPDATE ymgr.issuers SET certificate = 'x'", NO_RIGHT),
        ("no YubiKey", "DELETE FROM ymgr.devices", NO_RIGHT),
        ("no notice", "DELETE FROM ymgr.notifications", NO_RIGHT),
        ("a notice that says something else", "UPDATE ymgr.notifications SET detail = '{}'", NO_RIGHT),
        ("another YubiKey", "UPDATE ymgr.devices SET serial = '9' WHERE serial = '1001'", NO_RIGHT),
    ],
    "auditor": [
        ("a row out of the chain", OUT_OF_CHAIN, NO_RIGHT),
        ("a certificate", certificate("c4", "aude", "aude"), NO_RIGHT),
        ("a status", "UPDATE ymgr.certificates SET status = 'revoked'", NO_RIGHT),
        ("an operation", OPERATION.format(id="o3", who="aude"), NO_RIGHT),
        ("a notice that was sent", "UPDATE ymgr.notifications SET state = 'sent'", NO_RIGHT),
        ("a shorter trail", "DELETE FROM ymgr.audit_events", NO_RIGHT),
    ],
    "renewer": [
        ("a row out of the chain", OUT_OF_CHAIN, NO_RIGHT),
        ("a revocation", "UPDATE ymgr.certificates SET status = 'revoked' WHERE cert_id = 'c-uma'", NO_ROW),
        ("a revocation by way of the next operator", "INSERT INTO ymgr.ca_revocations VALUES ('ca', 'c-oscar', 0, 'superseded', NULL, 0)", NO_RIGHT),
        ("a YubiKey", "UPDATE ymgr.devices SET owner = 'ren'", NO_RIGHT),
        ("a revocation that the next operator carries out", OPERATION.replace("'issue'", "'revoke'").format(id="o5", who="ren"), NO_ROW),
        ("another step of an operator's revocation", "UPDATE ymgr.operation_items SET data = '{}' WHERE request_id = 'op-revoke' RETURNING 1", NOTHING),
        ("a better role", "UPDATE ymgr.users SET role = 'admin' WHERE name = 'ren'", NO_RIGHT),
    ],
    "admin": [
        ("no licence for ever", "INSERT INTO ymgr.settings VALUES ('license.newest', '9999-01-01T00:00:00Z', 1)", "no time of a licence"),
        ("no licence's time", "INSERT INTO ymgr.settings VALUES ('license.newest', 'z', 1)", "no time of a licence"),
        ("a row out of the chain", OUT_OF_CHAIN, NO_RIGHT),
        ("a long session", session("s4", "ada", 2), "lives 1 h at most"),
        ("a longer session", "UPDATE ymgr.user_sessions SET expires_at = 9223372036854775807", NO_RIGHT),
        ("another's session", session("s5", "una", 1), NO_ROW),
        ("a shorter trail", "DELETE FROM ymgr.audit_events", NO_RIGHT),
        ("a changed trail", "UPDATE ymgr.audit_events SET actor = 'uma'", NO_RIGHT),
        ("no certificate", "DELETE FROM ymgr.certificates", NO_RIGHT),
        ("no revocation", "UPDATE ymgr.certificates SET status = 'active', revoked_at = NULL, revocation_reason = NULL WHERE cert_id = 'c-revoked'", "a revocation stays"),
        ("the owner", "SET ROLE ymgr_owner", NO_RIGHT),
        ("another installation", "UPDATE ymgr.settings SET value = 'inst-20990101000000-7f3a91c04be2' WHERE name = 'installation_id'", "installation_id stays"),
        ("a new installation", "DELETE FROM ymgr.settings WHERE name = 'installation_id'", "installation_id stays"),
        ("the installation's name", "UPDATE ymgr.settings SET name = 'x' WHERE name = 'installation_id'", "installation_id stays"),
    ],
}


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        fill(team)
        yield team


def fill(team):
    """What is there to be attacked, made by those who may."""
    operator = team.member("operator")
    for serial, owner in [("1001", "uma"), ("1002", "uma"), ("2001", "una")]:
        for what in ("pin", "secrets"):
            assert operator.vault("POST", f"yubikeys/data/{serial}/{what}", {"data": {"v": "1"}, "options": {"cas": 0}})[0] == 200
        team.pg.sql(f"INSERT INTO ymgr.devices (serial, owner, status, firmware, form_factor, fips, pin_mode, created_at, updated_at) VALUES ('{serial}', '{owner}', 'enrolled', '5.7.4', '', 0, 'escrow', 0, 0)")
    assert operator.vault("POST", "transit/keys/web1", {"type": "ecdsa-p256"})[0] == 200
    for id, owner, status in [("c-uma", "uma", "active"), ("c-oscar", "oscar", "active"), ("c-revoked", "una", "revoked")]:
        team.pg.sql(certificate(id, owner, "oscar", status))
    team.pg.sql("UPDATE ymgr.certificates SET revoked_at = 1, revocation_reason = 'keyCompromise' WHERE status = 'revoked'")
    for name in ("uma", "oscar"):
        team.pg.sql(OPERATION.format(id=f"op-{name}", who=name))
        team.pg.sql(f"INSERT INTO ymgr.operation_items VALUES ('op-{name}', 0, 'issue', '{name}', 'open', 'planned', '{{}}', NULL, 0)")
        done(team.member(name), session(f"s-{name}", name, 8))
        done(team.member(name), AUDIT.format(name))
    team.pg.sql(OPERATION.format(id="op-ended", who="uma"))
    team.pg.sql("INSERT INTO ymgr.operation_items VALUES ('op-ended', 0, 'issue', 'ended', 'abandoned', 'planned', '{}', NULL, 0)")
    team.pg.sql(OPERATION.replace("'issue'", "'revoke'").format(id="op-revoke", who="oscar"))
    team.pg.sql("INSERT INTO ymgr.operation_items VALUES ('op-revoke', 0, 'revoke', 'c-uma', 'open', 'planned', '{}', NULL, 0)")
    done(team.member("user"), session("s-ended", "uma", 1))
    done(team.member("user"), "UPDATE ymgr.user_sessions SET ended_at = 5 WHERE session_id = 's-ended'")


def done(member, text):
    worked, output = member.sql(text)
    assert worked, f"{member.name}: {text}\n{output}"
    return output


def cases(table):
    return [pytest.param(role, *case[1:], id=f"{role}: {case[0]}") for role, rows in table.items() for case in rows]


def filled(value, team, member):
    if isinstance(value, dict):
        return {name: filled(inner, team, member) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, team, member) for inner in value]
    if isinstance(value, str) and "{" in value:
        return value.format(me=member.entity, una=team.member("una").entity, ada=team.member("admin").entity)
    return value


@pytest.mark.parametrize("role, method, path, body, refusal", cases(VAULT))
def test_vault_refuses(team, role, method, path, body, refusal):
    member = team.member(role)
    status, answer = member.vault(method, filled(path, team, member), filled(body, team, member))
    if refusal == DENIED:
        assert (status, "permission denied" in answer["errors"][0]) == (403, True), answer
    else:
        assert status == 400 and re.search(refusal, answer["errors"][0]), answer


@pytest.mark.parametrize("role, text, refusal", cases(SQL))
def test_the_database_refuses(team, role, text, refusal):
    worked, output = team.member(role).try_sql(text)
    if refusal == NOTHING:
        assert worked and output == ""
    else:
        assert not worked and re.search(refusal, output), output


def reviewed(team, server):
    """Who and what of every line of REVIEW.md about a server."""
    text = (team.folder / "plan/REVIEW.md").read_text()
    part = text.split(f"\n## {server}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ymgr")]
    return [(who, what.strip("`")) for who, what, *_ in lines]


def concrete(path, member):
    for name, value in {"id": member.entity, "name": member.name, **{f"metadata.serial{n}": "1001" for n in range(10)}}.items():
        path = path.replace("{{identity.entity." + name + "}}", value)
    return path.replace("+", "x1").replace("*", "x1/x2")


def test_every_privilege_of_vault_in_the_review_is_there(team):
    lines = reviewed(team, "OpenBao or Vault")
    assert len(lines) > 100
    for role in ROLES:
        member = team.member(role)
        granted = {}
        for who, what in lines:
            if who == f"ymgr-{role}" and not re.search(r"serial[2-9]}}", what):
                capabilities, path = what.split(";")[0].split(" on ")
                granted[concrete(path, member)] = set(capabilities.split(", "))
        status, answer = member.vault("POST", "sys/capabilities-self", {"paths": list(granted)})
        assert status == 200
        assert {path: set(answer[path]) for path in granted} == granted


def test_every_privilege_of_the_database_in_the_review_is_there(team):
    asked = []
    for who, what in reviewed(team, "PostgreSQL"):
        privileges, objects = what.rsplit(" ON ", 1)
        if what.startswith("only these rows") or objects.startswith("DATABASE"):
            continue
        for role in who.split(", "):
            asked += [(role, *one) for one in single_privileges(privileges, objects)]
    assert len(asked) > 150
    checks = ", ".join(f"({number}, {check(*one)})" for number, one in enumerate(asked))
    missing = team.pg.sql(f"SELECT n FROM (VALUES {checks}) AS c(n, there) WHERE NOT there")
    assert [asked[int(number)] for number in missing.split()] == []


def test_a_table_that_no_role_may_read_is_none_by_mistake(team):
    """What a migration adds is out of everybody's reach until lib/workflow/team/grants.sql says whose it is."""
    text = """SELECT c.relname FROM pg_class c WHERE relnamespace = 'ymgr'::regnamespace AND relkind IN ('r', 'v')
        AND NOT has_table_privilege('ymgr_admin', c.oid, 'SELECT') AND NOT has_any_column_privilege('ymgr_admin', c.oid, 'SELECT')"""
    assert set(team.pg.sql(text).split()) == {"secrets"}  # of embedded profiles
    text = "SELECT relname FROM pg_class WHERE relnamespace = 'ymgr'::regnamespace AND relkind = 'r' AND NOT relrowsecurity"
    assert team.pg.sql(text) == ""


def single_privileges(privileges, objects):
    """SELECT, UPDATE (a, b) ON t, u: one each of (privilege, column or None, object)."""
    names = re.findall(r"\w+(?:\(\w*\))?", re.sub("^(SCHEMA|FUNCTION) ", "", objects))
    kind = "function" if objects.startswith("FUNCTION") else "schema" if objects.startswith("SCHEMA") else "table"
    for privilege, columns in re.findall(r"(\w+)(?: \(([^)]*)\))?", privileges):
        for column in columns.split(", ") if columns else [None]:
            yield from ((privilege, column, name, kind) for name in names)


def check(role, privilege, column, name, kind):
    name = name if kind == "schema" else f"ymgr.{name}"
    if column:
        return f"has_column_privilege('{role}', '{name}', '{column}', '{privilege}')"
    return f"has_{kind}_privilege('{role}', '{name}', '{privilege}')"


def test_everybody_does_the_own_work(team):
    user, operator, renewer, auditor = (team.member(role) for role in ("user", "operator", "renewer", "auditor"))
    pin = user.vault("GET", "yubikeys/data/1002/pin")[1]["data"]["metadata"]["version"]
    assert user.vault("POST", "yubikeys/data/1002/pin", {"data": {"pin": "x"}, "options": {"cas": pin}})[0] == 200
    assert user.vault("POST", "auth/userpass/users/uma/password", {"password": PASSWORD})[0] == 204
    names = {"common_name": "uma", "other_sans": UPN + "uma@ad.corp.test", "alt_names": "uma@corp.test", "exclude_cn_from_sans": True}
    made = certificate_of(user.vault("POST", f"pki/sign/piv-{user.entity}", {"csr": CSR, "ttl": "24h", **names}))
    assert made.subject.rfc4514_string() == "CN=uma"
    own_usages(user, "email", {"alt_names": "uma@corp.test"}, [ExtendedKeyUsageOID.EMAIL_PROTECTION])
    own_usages(user, "client", {}, [ExtendedKeyUsageOID.CLIENT_AUTH])
    own_usages(operator, "card", {}, [ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier("2.16.840.1.101.3.6.8")])
    done(user, certificate("own", "uma", "uma").replace("'tls-server'", "'piv-auth'"))
    for position, (kind, target) in enumerate([("issue", "new"), ("renew", "c-uma"), ("device", "1001")], 10):
        done(user, step(kind, target).replace(" 7,", f" {position},"))
    done(user, "UPDATE ymgr.operations SET lease_holder = 'x', lease_until = 253402300799000000 WHERE request_id = 'op-uma'")
    assert done(user, f"SELECT lease_until < {NOW} + 1300000000 FROM ymgr.operations WHERE request_id = 'op-uma'") == "t"
    for member in (operator, renewer):
        request = member.vault("POST", "transit/keys/web1/csr", {"csr": CSR})[1]["data"]["csr"]
        body = {"csr": request, "common_name": "www.corp.test", "ip_sans": "10.1.2.3", "ttl": "24h"}
        made = certificate_of(member.vault("POST", "pki/sign/ymgr-tls-server-ec", body))
        assert made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["www.corp.test"]
        done(member, certificate(f"by-{member.name}", "team", member.name))
    serial = f"{made.serial_number:x}".zfill(40)
    serial = ":".join(serial[i : i + 2] for i in range(0, 40, 2))
    assert operator.vault("POST", "pki/revoke", {"serial_number": serial})[1]["data"]["state"] == "revoked"
    assert operator.vault("GET", "pki/crl/rotate")[0] == 200
    assert operator.vault("POST", f"identity/entity/id/{user.entity}", {"metadata": {"user": "uma", "serial0": "1001", "serial1": "1002"}})[0] == 204
    assert operator.vault("POST", "transit/keys/gone", {"type": "ed25519"})[0] == 200
    assert operator.vault("POST", "transit/keys/gone/config", {"deletion_allowed": True})[0] == 200
    assert operator.vault("DELETE", "transit/keys/gone")[0] == 204
    done(team.member("admin"), "UPDATE ymgr.users SET status = 'disabled' WHERE name = 'una'; UPDATE ymgr.users SET status = 'active' WHERE name = 'una'")
    done(operator, "UPDATE ymgr.certificates SET status = 'revoked', revoked_at = 1, revocation_reason = 'superseded' WHERE cert_id = 'own'")
    assert auditor.vault("GET", "transit/keys/web1")[0] == 200
    assert done(auditor, "SELECT count(*) FROM ymgr.certificates WHERE owner = 'uma'") == "2"


def own_usages(member, role, names, wanted):
    body = {"csr": CSR, "ttl": "24h", "common_name": member.name, "exclude_cn_from_sans": True, **names}
    made = certificate_of(member.vault("POST", f"pki/sign/{role}-{member.entity}", body))
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == wanted
    assert made.extensions.get_extension_for_class(x509.KeyUsage).value.content_commitment == (role == "email")


def certificate_of(answer):
    assert answer[0] == 200, answer
    return x509.load_pem_x509_certificate(answer[1]["data"]["certificate"].encode())


def test_who_and_when_are_the_databases_own_words(team):
    done(team.member("operator"), AUDIT.format("test"))
    actor, recent = done(team.member("auditor"), f"SELECT actor, {NOW} - at FROM ymgr.audit_events WHERE event = 'forged.test'").split("|")
    assert actor == "oscar" and 0 <= int(recent) < 60_000_000


def test_a_heartbeat_is_of_the_moment_that_the_database_knows(team):
    beat = "INSERT INTO ymgr.heartbeats VALUES ('web9', 'oscar', 1, 1, 0, NULL, 9000000000000000000)"
    end = f"UPDATE ymgr.heartbeats SET ended_at = 1, exit_status = 0, succeeded_at = 9000000000000000000 WHERE host = 'web9' RETURNING succeeded_at - {NOW}"
    worked, output = team.member("operator").try_sql(f"{beat} RETURNING started_at - {NOW}, ended_at, succeeded_at; {end}")
    started, ended = output.splitlines()
    assert worked and started.endswith("||") and 0 <= int(started[:-2]) < 60_000_000 and 0 <= int(ended) < 60_000_000
    own = "INSERT INTO ymgr.heartbeats VALUES ('laptop', 'uma', 1) RETURNING 1"
    assert team.member("user").try_sql(own) == (True, "")
    team.pg.sql("UPDATE ymgr.certificates SET host = 'laptop' WHERE cert_id = 'c-uma'")
    assert team.member("user").try_sql(own) == (True, "1")
    team.pg.sql("UPDATE ymgr.certificates SET host = NULL WHERE cert_id = 'c-uma'")


def test_a_session_begins_when_the_database_says(team):
    created, life = done(team.member("user"), f"SELECT {NOW} - created_at, expires_at - created_at FROM ymgr.user_sessions WHERE session_id = 's-uma'").split("|")
    assert 0 <= int(created) < 120_000_000 and int(life) <= 8 * 3600 * 1_000_000


def test_an_operator_cannot_lock_admins_out_with_wildcards(team):
    operator, admin = team.member("operator"), team.member("admin")
    assert operator.vault("POST", f"identity/entity/id/{admin.entity}", {"metadata": {"serial0": "*"}})[0] == 204
    assert admin.vault("GET", f"identity/entity/id/{admin.entity}")[0] == 200


def ends_within(team, member, seconds):
    """The member's open connection, the database role and the token."""
    began = time.monotonic()
    login = member.database["username"]
    open_one = member.connection("SELECT pg_sleep(60)")
    wait_for(lambda: login in team.pg.sql("SELECT usename FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"), "the connection")
    yield
    assert "terminating connection" in open_one.communicate(timeout=seconds)[0]
    roles = f"SELECT count(*) FROM pg_roles WHERE rolname = '{login}'"
    wait_for(lambda: team.pg.sql(roles) == "0", "the role to be gone", seconds=5)
    assert time.monotonic() - began < seconds
    assert member.vault("GET", "auth/token/lookup-self")[0] == 403


def test_after_logout_token_role_and_connection_are_gone(team):
    team.person("temp", "user", by=team.member("admin"))
    member = Member(team, "temp", "user").log_in()
    for _ in ends_within(team, member, 5):
        assert member.vault("POST", "auth/token/revoke-self")[0] == 204
    member.close()


def test_after_expiry_they_are_gone_too(team):
    team.person("temp", "user")
    team.bao.api("POST", "auth/userpass/users/temp", {"password": PASSWORD, "token_ttl": "2s", "token_max_ttl": "2s"})
    member = Member(team, "temp", "user").log_in()
    for _ in ends_within(team, member, 2 + 5):
        assert member.vault("GET", "auth/token/lookup-self")[0] == 200
    member.close()


def test_a_role_that_left_something_elsewhere_can_do_nothing_any_more(team):
    team.person("temp", "user")
    member = Member(team, "temp", "user").log_in()
    name = member.database["username"]
    member.database["database"] = "postgres"
    done(member, "SELECT lo_create(0)")
    assert member.vault("POST", "auth/token/revoke-self")[0] == 204
    member.close()
    state = f"SELECT rolcanlogin, (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r WHERE rolname = '{name}'"
    wait_for(lambda: team.pg.sql(state) == "f|0", "the role to be harmless", seconds=5)


def test_the_set_up_can_be_run_again(team):
    team.install_schema()
    kept = team.script("vault.sh").stderr
    assert kept.count("is there already and stays as it is") == 5
    assert team.member("user").vault("GET", "yubikeys/data/1001/pin")[0] == 200
    assert done(team.member("user"), "SELECT ymgr.actor()") == "uma"


def check_as(team, member, exit=0):
    """`init --team --check` by a person: what is missing, as {what: line}."""
    token = {"BAO_TOKEN": member.token}
    missing = team.ymgr.json("init", "--team", "--check", "-c", team.config, env=token, exit=exit)["missing"]
    return {one["what"]: one["line"] for one in missing}


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_missing_for_any_role(team, role):
    assert check_as(team, team.member(role)) == {}


def test_what_is_missing_is_told_with_the_line_that_grants_it(team):
    auditor = team.member("auditor")
    team.pg.sql("REVOKE SELECT ON ymgr.devices FROM ymgr_auditor; REVOKE INSERT (event) ON ymgr.audit_events FROM ymgr_auditor")
    path = "sys/policies/acl/ymgr-auditor"
    policy = team.bao.api("GET", path)["data"]["policy"]
    cut = policy.replace('path "transit/keys" {\n  capabilities = ["list"]\n}\n', "")
    assert cut != policy
    team.bao.api("POST", path, {"policy": cut})
    missing = check_as(team, auditor, exit=1)
    assert missing == {
        "list on transit/keys": 'path "transit/keys" { capabilities = ["list"] }',
        "the policy ymgr-auditor as planned: it differs": "bao policy write ymgr-auditor policies/ymgr-auditor.hcl",
        "SELECT on ymgr.devices": 'GRANT SELECT ON ymgr.devices TO "ymgr_auditor";',
        "INSERT on ymgr.audit_events": 'GRANT INSERT (event) ON ymgr.audit_events TO "ymgr_auditor";',
    }
    for line in missing.values():
        if line.startswith("GRANT"):
            team.pg.sql(line)
    team.bao.api("POST", path, {"policy": policy})
    assert check_as(team, auditor) == {}


def test_settings_that_open_a_door_are_told(team):
    role = team.bao.api("GET", "pki/roles/ymgr-tls-server-ec")["data"]
    team.bao.api("POST", "pki/roles/ymgr-tls-server-ec", {**role, "allow_any_name": True, "max_ttl": "90000h"})
    team.bao.api("POST", "yubikeys/config", {"cas_required": False})
    assert check_as(team, team.member("auditor"), exit=1) == {
        "yubikeys/config: cas_required as planned": "bao write yubikeys/config cas_required=true",
        "pki/roles/ymgr-tls-server-ec: allow_any_name as planned": "bao write pki/roles/ymgr-tls-server-ec allow_any_name=false",
        "pki/roles/ymgr-tls-server-ec: max_ttl as planned": "bao write pki/roles/ymgr-tls-server-ec max_ttl=9528h",
    }
    team.bao.api("POST", "pki/roles/ymgr-tls-server-ec", role)
    team.bao.api("POST", "yubikeys/config", {"cas_required": True})
    assert check_as(team, team.member("auditor")) == {}


def test_apply_does_the_plan_in_a_namespace_and_can_be_repeated(team):
    config = team.folder / "second.yaml"
    config.write_text(
        f"vault: {{address: '{team.bao.address}', ca_file: {team.bao.ca_file}, namespace: team2, prefix: two-, kv: two/kv, transit: two/transit,"
        " pki: two/pki, database: two/database, auth_mount: two/userpass}\n"
        f"database: {{host: {team.pg.env['PGHOST']}, name: two, roles: two_}}\n"
    )
    team.bao.api("POST", "sys/namespaces/team2", {})
    team.pg.sql("CREATE DATABASE two OWNER installer")
    team.pg.sql("ALTER ROLE installer PASSWORD 'install'")
    password = team.ymgr.box.secret("install.password", "install")
    token = {"BAO_TOKEN": team.bao.root_token}
    words = ["init", "--team", "-c", config, "--database-user", "installer", "--database-password-file", password]
    missing = {one["what"] for one in team.ymgr.json(*words, "--check", env=token, exit=1)["missing"]}
    assert {"kv at two/kv", "the policy two-user"} <= missing
    assert any(what.startswith("schema ") and what.endswith(": it has 0") for what in missing)
    first = team.ymgr.json(*words, "--apply", "--create-ca", "--yes", env=token)
    assert {"mount two/kv", "CA", "policy two-user", "database connection two-postgres"} <= set(first["made"])
    again = team.ymgr.json(*words, "--apply", "--create-ca", "--yes", env=token)
    assert set(first["made"]) - set(again["made"]) == set(again["kept"]) | {"mount two/pki-root", "issuer in the database"}
    assert team.ymgr.json(*words, "--check", env=token)["missing"] == []
    late = team.ymgr.json(*words, "--apply", "--demo", "--yes", env=token, exit=2)
    assert "begun without --demo" in late["error"]
    wrong = [*words[:-1], team.ymgr.box.secret("wrong.password", "wrong")]
    refused = team.ymgr.json(*wrong, "--check", env=token, exit=4)
    assert refused["code"] == "database-refused" and "pg_hba.conf" in refused["suggestion"] and "login" not in refused["suggestion"]
    assert team.bao.api("GET", "team2/two/kv/config")["data"]["cas_required"] is True
    role = {"db_name": "two-postgres", "creation_statements": "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' IN ROLE two_user"}
    team.bao.api("POST", "team2/two/database/roles/u-test", role)
    made = team.bao.api("GET", "team2/two/database/creds/u-test")["data"]
    text = "SELECT ymgr.actor()"
    assert team.pg.psql("-c", text, "-d", f"postgresql://{made['username']}:{made['password']}@/two") == f"role:{made['username']}"


def test_a_client_joins_with_what_was_published_and_takes_no_paths(team, tmp_path):
    client = Ymgr(RELEASE, Box(tmp_path), {"BAO_CACERT": team.bao.ca_file})
    password = client.box.secret("password", PASSWORD)
    words = ["init", "--join", team.bao.address, "--user", "uma", "--password-file", password]
    assert "is a path of the host" in client.json(*words, exit=2)["error"]  # the socket of these tests
    place = "yubikeys/data/ymgr-settings"
    known = team.bao.api("GET", place)["data"]
    vendor = "ed25519:" + base64.b64encode(bytes(32)).decode()
    told = {**known["data"], "database.host": "db.corp.test", "home": "/tmp/x", "vault.ca_file": "/tmp/x", "hook": "id"}
    told["license.vendor_key"] = vendor
    team.bao.api("POST", place, {"data": told, "options": {"cas": known["metadata"]["version"]}})
    written = client.json(*words)["settings_file"]
    text = pathlib.Path(written).read_text()
    assert "db.corp.test" in text and f'ca_file: "{team.bao.ca_file}"' in text
    assert "/tmp/x" not in text and "hook" not in text
    shown = {row["key"]: row["value"] for row in client.json("config", "show")["settings"]}
    assert shown["license.vendor_key"] == vendor
    client("config", "validate")
    assert client.json(*words, exit=1)["code"] == "file-exists"
    bad = {**told, "vault.kv": 'yubikeys"\nhome: "/tmp/x'}
    team.bao.api("POST", place, {"data": bad, "options": {"cas": known["metadata"]["version"] + 1}})
    assert "published settings" in client.json(*words, "--force", exit=2)["error"]
    for more, bad in enumerate([{"license.vendor_key": vendor + ",/tmp/x"}, {"database.host": "db.corp.test,/tmp/x"}], 2):
        team.bao.api("POST", place, {"data": {**told, **bad}, "options": {"cas": known["metadata"]["version"] + more}})
        assert "is a path of the host" in client.json(*words, "--force", exit=2)["error"]
    client.box.remove()


def test_what_stands_in_a_mounts_place_is_left_alone(team):
    config = team.folder / "third.yaml"
    config.write_text(team.config.read_text().replace("vault: {", "vault: {pki: transit, "))
    words = ["init", "--team", "-c", config, "--apply", "--yes", "--database-user", "postgres"]
    answer = team.ymgr.json(*words, env={"BAO_TOKEN": team.bao.root_token}, exit=1)
    assert answer["error"] == "at transit stands no pki, but transit"
