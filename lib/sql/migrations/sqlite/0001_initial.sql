-- Times are epoch microseconds, texts UTF-8, JSON where a comment says so. Column for column the same on PostgreSQL.
-- min_client: 1
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at BIGINT NOT NULL);

CREATE TABLE users (
  name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('admin','operator','user','auditor')),
  status TEXT NOT NULL CHECK (status IN ('active','disabled')),
  password_salt TEXT NOT NULL,      -- base64, 16 bytes
  password_cost TEXT NOT NULL,      -- JSON: passes, memory_kib
  password_verifier TEXT NOT NULL,  -- base64
  box_public TEXT NOT NULL,         -- base64, X25519
  box_private TEXT NOT NULL,        -- base64, sealed under a key from the password
  data_key_box TEXT,                -- base64, sealed to box_public; NULL for auditors
  failed_logins BIGINT NOT NULL DEFAULT 0, locked_until BIGINT,
  created_at BIGINT NOT NULL, created_by TEXT NOT NULL, last_login_at BIGINT);

CREATE TABLE user_sessions (
  session_id TEXT PRIMARY KEY, user_name TEXT NOT NULL REFERENCES users(name),
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT,
  data_key_box TEXT,                -- base64, sealed under the session file's secret; NULL for auditors and once ended
  agent_pubkey TEXT);
CREATE INDEX user_sessions_open ON user_sessions(user_name) WHERE ended_at IS NULL;

CREATE TABLE secrets (
  path TEXT NOT NULL, version BIGINT NOT NULL CHECK (version > 0),
  box TEXT,                         -- base64, bound to path and version; NULL once destroyed
  created_at BIGINT NOT NULL, destroyed_at BIGINT, PRIMARY KEY (path, version));

CREATE TABLE issuers (
  issuer_id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('root','issuing')), name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending','active','retired')),
  subject TEXT NOT NULL, certificate TEXT,  -- PEM; NULL while pending
  csr TEXT,                                 -- PEM, while pending
  chain TEXT,                               -- PEM of what stands above it, root last
  key_path TEXT,                            -- path in secrets; NULL: kept elsewhere
  not_before BIGINT, not_after BIGINT, created_at BIGINT NOT NULL,
  crl_number BIGINT NOT NULL DEFAULT 0, crl TEXT,  -- PEM of the newest
  crl_this_update BIGINT, crl_next_update BIGINT);

CREATE TABLE ca_issued (
  issuer_id TEXT NOT NULL REFERENCES issuers(issuer_id), serial_number TEXT NOT NULL, cert_id TEXT NOT NULL,
  public_key_sha256 TEXT NOT NULL, not_after BIGINT NOT NULL, PRIMARY KEY (issuer_id, serial_number));
CREATE INDEX ca_issued_key ON ca_issued(public_key_sha256);

CREATE TABLE ca_revocations (
  issuer_id TEXT NOT NULL REFERENCES issuers(issuer_id), serial_number TEXT NOT NULL, revoked_at BIGINT NOT NULL,
  reason TEXT NOT NULL, invalidity_at BIGINT, not_after BIGINT NOT NULL, PRIMARY KEY (issuer_id, serial_number));

CREATE TABLE operations (
  request_id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open','waiting','done','failed','refused','abandoned')),
  inputs TEXT NOT NULL,             -- canonical JSON, never a secret
  inputs_sha256 TEXT NOT NULL, actor TEXT NOT NULL, item_count BIGINT NOT NULL,
  lease_holder TEXT, lease_until BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  result TEXT);                     -- JSON: the answer that was given
CREATE INDEX operations_open ON operations(created_at) WHERE state IN ('open','waiting');
CREATE INDEX operations_created ON operations(created_at);

CREATE TABLE operation_items (
  request_id TEXT NOT NULL REFERENCES operations(request_id), position BIGINT NOT NULL,
  kind TEXT NOT NULL, target TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open','waiting','done','failed','refused','abandoned')),
  state TEXT NOT NULL,              -- "planned", then the state of the last step done
  data TEXT NOT NULL,               -- JSON of the item; sealed where it needs to be
  error TEXT,                       -- JSON
  updated_at BIGINT NOT NULL, PRIMARY KEY (request_id, position));
CREATE UNIQUE INDEX operation_items_open ON operation_items(kind, target) WHERE status IN ('open','waiting');

CREATE TABLE certificates (
  cert_id TEXT PRIMARY KEY, name TEXT NOT NULL, subject TEXT NOT NULL, sans TEXT NOT NULL,  -- JSON array "dns:…"
  serial_number TEXT NOT NULL, issuer TEXT NOT NULL, ca_name TEXT NOT NULL,
  key_reference TEXT NOT NULL, key_algorithm TEXT NOT NULL, public_key_sha256 TEXT NOT NULL, key_created_at BIGINT NOT NULL,
  profile TEXT NOT NULL, owner TEXT NOT NULL, labels TEXT NOT NULL,  -- JSON object
  policy_version TEXT NOT NULL, violations TEXT,                     -- JSON array; NULL: complies
  status TEXT NOT NULL CHECK (status IN ('active','superseded','revoked')),
  issued_at BIGINT NOT NULL, not_before BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  renew_before TEXT, renew_at BIGINT NOT NULL, renewed_from TEXT REFERENCES certificates(cert_id),
  revoked_at BIGINT, revocation_reason TEXT, invalidity_at BIGINT,
  fingerprint TEXT NOT NULL, pem TEXT NOT NULL, csr TEXT,            -- csr: PEM, when the key is somebody else's
  attestation TEXT, device TEXT, slot TEXT,
  host TEXT, installation TEXT, hook_state TEXT, hook_message TEXT, hook_at BIGINT,
  hook_holder TEXT, hook_until BIGINT,  -- who runs the owed hook just now
  request_id TEXT NOT NULL, issued_by TEXT NOT NULL,
  UNIQUE (issuer, serial_number));
CREATE INDEX certificates_name ON certificates(name, issued_at);
CREATE INDEX certificates_serial ON certificates(serial_number);
CREATE INDEX certificates_key ON certificates(public_key_sha256);
CREATE INDEX certificates_due ON certificates(renew_at, expires_at, cert_id) WHERE status = 'active';
CREATE INDEX certificates_expiry ON certificates(expires_at, cert_id, not_before) WHERE status = 'active';
CREATE INDEX certificates_revoked ON certificates(revoked_at) WHERE status = 'revoked';
-- A constant comes first here and in certificates_hooks: SQLite would take another index of active ones otherwise.
CREATE INDEX certificates_offending ON certificates(status, expires_at, cert_id)
  WHERE status = 'active' AND violations IS NOT NULL;
CREATE INDEX certificates_owner ON certificates(owner, expires_at);
CREATE INDEX certificates_hooks ON certificates(hook_state, host) WHERE hook_state = 'pending';
CREATE INDEX certificates_lineage ON certificates(renewed_from) WHERE renewed_from IS NOT NULL;
CREATE TRIGGER certificates_identity BEFORE UPDATE OF serial_number, issuer, pem, fingerprint, public_key_sha256 ON certificates
WHEN NEW.serial_number <> OLD.serial_number OR NEW.issuer <> OLD.issuer OR NEW.pem <> OLD.pem
  OR NEW.fingerprint <> OLD.fingerprint OR NEW.public_key_sha256 <> OLD.public_key_sha256
BEGIN SELECT RAISE(ABORT, 'serial, issuer, key and certificate never change'); END;
CREATE TRIGGER certificates_keep BEFORE DELETE ON certificates
BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END;

CREATE TABLE certificate_labels (
  cert_id TEXT NOT NULL REFERENCES certificates(cert_id), name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (cert_id, name));
CREATE INDEX certificate_labels_value ON certificate_labels(name, value);

CREATE TABLE denied_keys (
  public_key_sha256 TEXT PRIMARY KEY, reason TEXT NOT NULL, denied_at BIGINT NOT NULL, cert_id TEXT);

CREATE TABLE audit_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at BIGINT NOT NULL, actor TEXT NOT NULL, request_id TEXT NOT NULL,
  event TEXT NOT NULL, target TEXT NOT NULL, data TEXT NOT NULL,  -- data: JSON
  hash TEXT);
CREATE INDEX audit_events_request ON audit_events(request_id);
CREATE INDEX audit_events_target ON audit_events(target);
CREATE TABLE audit_head (
  id BIGINT PRIMARY KEY CHECK (id = 1), seq BIGINT NOT NULL, hash TEXT NOT NULL,
  signed_seq BIGINT NOT NULL, signed_hash TEXT NOT NULL, signature TEXT NOT NULL, key_id TEXT NOT NULL);
INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '', '', '');

-- Row n's hash covers the hash of row n-1 and every column of its own; each text goes in with its length in characters.
CREATE TRIGGER audit_events_chain AFTER INSERT ON audit_events BEGIN
  UPDATE audit_events SET hash = sha256((SELECT hash FROM audit_head WHERE id = 1) || '|' || NEW.seq || '|' || NEW.at
    || '|' || length(NEW.actor) || ':' || NEW.actor || '|' || length(NEW.request_id) || ':' || NEW.request_id
    || '|' || length(NEW.event) || ':' || NEW.event || '|' || length(NEW.target) || ':' || NEW.target
    || '|' || length(NEW.data) || ':' || NEW.data) WHERE seq = NEW.seq;
  UPDATE audit_head SET seq = NEW.seq, hash = (SELECT hash FROM audit_events WHERE seq = NEW.seq) WHERE id = 1;
END;
CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events WHEN OLD.hash IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'audit rows never change'); END;
CREATE TRIGGER audit_events_keep BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END;
