-- Times are epoch microseconds, texts UTF-8, JSON where a comment says so. Column for column the same as SQLite's.
-- Texts are compared byte by byte (C), as SQLite does.
-- min_client: 1
CREATE TABLE settings (name TEXT COLLATE "C" PRIMARY KEY, value TEXT COLLATE "C" NOT NULL, updated_at BIGINT NOT NULL);

CREATE TABLE users (
  name TEXT COLLATE "C" PRIMARY KEY,
  role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin','operator','user','auditor')),
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('active','disabled')),
  password_salt TEXT COLLATE "C" NOT NULL,      -- base64, 16 bytes
  password_cost TEXT COLLATE "C" NOT NULL,      -- JSON: passes, memory_kib
  password_verifier TEXT COLLATE "C" NOT NULL,  -- base64
  box_public TEXT COLLATE "C" NOT NULL,         -- base64, X25519
  box_private TEXT COLLATE "C" NOT NULL,        -- base64, sealed under a key from the password
  data_key_box TEXT COLLATE "C",                -- base64, sealed to box_public; NULL for auditors
  failed_logins BIGINT NOT NULL DEFAULT 0, locked_until BIGINT,
  created_at BIGINT NOT NULL, created_by TEXT COLLATE "C" NOT NULL, last_login_at BIGINT);

CREATE TABLE user_sessions (
  session_id TEXT COLLATE "C" PRIMARY KEY, user_name TEXT COLLATE "C" NOT NULL REFERENCES users(name),
  created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, ended_at BIGINT,
  data_key_box TEXT COLLATE "C",                -- base64, sealed under the session file's secret; NULL for auditors and once ended
  agent_pubkey TEXT COLLATE "C");
CREATE INDEX user_sessions_open ON user_sessions(user_name) WHERE ended_at IS NULL;

CREATE TABLE secrets (
  path TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL CHECK (version > 0),
  box TEXT COLLATE "C",                         -- base64, bound to path and version; NULL once destroyed
  created_at BIGINT NOT NULL, destroyed_at BIGINT, PRIMARY KEY (path, version));

CREATE TABLE issuers (
  issuer_id TEXT COLLATE "C" PRIMARY KEY, kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('root','issuing')),
  name TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending','active','retired')),
  subject TEXT COLLATE "C" NOT NULL, certificate TEXT COLLATE "C",  -- PEM; NULL while pending
  csr TEXT COLLATE "C",                                 -- PEM, while pending
  chain TEXT COLLATE "C",                               -- PEM of what stands above it, root last
  key_path TEXT COLLATE "C",                            -- path in secrets; NULL: kept elsewhere
  not_before BIGINT, not_after BIGINT, created_at BIGINT NOT NULL,
  crl_number BIGINT NOT NULL DEFAULT 0, crl TEXT COLLATE "C",  -- PEM of the newest
  crl_this_update BIGINT, crl_next_update BIGINT);

CREATE TABLE ca_issued (
  issuer_id TEXT COLLATE "C" NOT NULL REFERENCES issuers(issuer_id), serial_number TEXT COLLATE "C" NOT NULL,
  cert_id TEXT COLLATE "C" NOT NULL,
  public_key_sha256 TEXT COLLATE "C" NOT NULL, not_after BIGINT NOT NULL, PRIMARY KEY (issuer_id, serial_number));
CREATE INDEX ca_issued_key ON ca_issued(public_key_sha256);

CREATE TABLE ca_revocations (
  issuer_id TEXT COLLATE "C" NOT NULL REFERENCES issuers(issuer_id), serial_number TEXT COLLATE "C" NOT NULL,
  revoked_at BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL, invalidity_at BIGINT, not_after BIGINT NOT NULL, PRIMARY KEY (issuer_id,
  serial_number));

CREATE TABLE operations (
  request_id TEXT COLLATE "C" PRIMARY KEY, kind TEXT COLLATE "C" NOT NULL, target TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open','waiting','done','failed','refused','abandoned')),
  inputs TEXT COLLATE "C" NOT NULL,             -- canonical JSON, never a secret
  inputs_sha256 TEXT COLLATE "C" NOT NULL, actor TEXT COLLATE "C" NOT NULL, item_count BIGINT NOT NULL,
  lease_holder TEXT COLLATE "C", lease_until BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
  result TEXT COLLATE "C");                     -- JSON: the answer that was given
CREATE INDEX operations_open ON operations(created_at) WHERE state IN ('open','waiting');
CREATE INDEX operations_created ON operations(created_at);

CREATE TABLE operation_items (
  request_id TEXT COLLATE "C" NOT NULL REFERENCES operations(request_id), position BIGINT NOT NULL,
  kind TEXT COLLATE "C" NOT NULL, target TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('open','waiting','done','failed','refused','abandoned')),
  state TEXT COLLATE "C" NOT NULL,              -- "planned", then the state of the last step done
  data TEXT COLLATE "C" NOT NULL,               -- JSON of the item; sealed where it needs to be
  error TEXT COLLATE "C",                       -- JSON
  updated_at BIGINT NOT NULL, PRIMARY KEY (request_id, position));
CREATE UNIQUE INDEX operation_items_open ON operation_items(kind, target) WHERE status IN ('open','waiting');

CREATE TABLE certificates (
  cert_id TEXT COLLATE "C" PRIMARY KEY, name TEXT COLLATE "C" NOT NULL, subject TEXT COLLATE "C" NOT NULL,
  sans TEXT COLLATE "C" NOT NULL,  -- JSON array "dns:…"
  serial_number TEXT COLLATE "C" NOT NULL, issuer TEXT COLLATE "C" NOT NULL, ca_name TEXT COLLATE "C" NOT NULL,
  key_reference TEXT COLLATE "C" NOT NULL, key_algorithm TEXT COLLATE "C" NOT NULL,
  public_key_sha256 TEXT COLLATE "C" NOT NULL, key_created_at BIGINT NOT NULL,
  profile TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL, labels TEXT COLLATE "C" NOT NULL,  -- JSON object
  policy_version TEXT COLLATE "C" NOT NULL, violations TEXT COLLATE "C",                     -- JSON array; NULL: complies
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('active','superseded','revoked')),
  issued_at BIGINT NOT NULL, not_before BIGINT NOT NULL, expires_at BIGINT NOT NULL,
  renew_before TEXT COLLATE "C", renew_at BIGINT NOT NULL,
  renewed_from TEXT COLLATE "C" REFERENCES certificates(cert_id),
  revoked_at BIGINT, revocation_reason TEXT COLLATE "C", invalidity_at BIGINT,
  fingerprint TEXT COLLATE "C" NOT NULL, pem TEXT COLLATE "C" NOT NULL, csr TEXT COLLATE "C",
             -- csr: PEM, when the key is somebody else's
  attestation TEXT COLLATE "C", device TEXT COLLATE "C", slot TEXT COLLATE "C",
  host TEXT COLLATE "C", installation TEXT COLLATE "C", hook_state TEXT COLLATE "C", hook_message TEXT COLLATE "C",
  hook_at BIGINT,
  hook_holder TEXT COLLATE "C", hook_until BIGINT,  -- who runs the owed hook just now
  request_id TEXT COLLATE "C" NOT NULL, issued_by TEXT COLLATE "C" NOT NULL,
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
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation', TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER certificates_identity BEFORE UPDATE OF serial_number, issuer, pem, fingerprint,
  public_key_sha256 ON certificates
FOR EACH ROW WHEN (NEW.serial_number <> OLD.serial_number OR NEW.issuer <> OLD.issuer OR NEW.pem <> OLD.pem
  OR NEW.fingerprint <> OLD.fingerprint OR NEW.public_key_sha256 <> OLD.public_key_sha256)
EXECUTE FUNCTION refuse_change('serial, issuer, key and certificate never change');
CREATE TRIGGER certificates_keep BEFORE DELETE ON certificates
FOR EACH ROW EXECUTE FUNCTION refuse_change('certificates are never deleted');
CREATE TRIGGER certificates_keep_all BEFORE TRUNCATE ON certificates
EXECUTE FUNCTION refuse_change('certificates are never deleted');

CREATE TABLE certificate_labels (
  cert_id TEXT COLLATE "C" NOT NULL REFERENCES certificates(cert_id), name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (cert_id, name));
CREATE INDEX certificate_labels_value ON certificate_labels(name, value);

CREATE TABLE denied_keys (
  public_key_sha256 TEXT COLLATE "C" PRIMARY KEY, reason TEXT COLLATE "C" NOT NULL, denied_at BIGINT NOT NULL,
  cert_id TEXT COLLATE "C");

CREATE TABLE audit_events (
  seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, actor TEXT COLLATE "C" NOT NULL, request_id TEXT COLLATE "C" NOT NULL,
  event TEXT COLLATE "C" NOT NULL, target TEXT COLLATE "C" NOT NULL, data TEXT COLLATE "C" NOT NULL,  -- data: JSON
  hash TEXT COLLATE "C");
CREATE INDEX audit_events_request ON audit_events(request_id);
CREATE INDEX audit_events_target ON audit_events(target);
CREATE TABLE audit_head (
  id BIGINT PRIMARY KEY CHECK (id = 1), seq BIGINT NOT NULL, hash TEXT COLLATE "C" NOT NULL,
  signed_seq BIGINT NOT NULL, signed_hash TEXT COLLATE "C" NOT NULL, signature TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL);
INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, '', '', '');

-- Whose login a role is: the role itself, or what stands before the last dot of the names that Vault makes from it
-- (u-ENTITY.RANDOM). Only administrators write it.
CREATE TABLE database_roles (role_name TEXT COLLATE "C" PRIMARY KEY, user_name TEXT COLLATE "C" NOT NULL);
CREATE FUNCTION actor_of(login TEXT) RETURNS TEXT LANGUAGE sql STABLE
RETURN coalesce(
  (SELECT user_name FROM database_roles WHERE role_name = login),
  (SELECT user_name FROM database_roles WHERE role_name = substring(login FROM '^(.*)[.][^.]*$')),
  'role:' || login);
CREATE FUNCTION actor() RETURNS TEXT LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT ymgr.actor_of(session_user::text)
$$;

-- Row n's hash covers the hash of row n-1 and every column of its own; each text goes in with its length in characters.
CREATE FUNCTION audit_hash(previous TEXT, seq BIGINT, at BIGINT, actor TEXT, request_id TEXT, event TEXT,
  target TEXT, data TEXT)
RETURNS TEXT LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(previous || '|' || seq || '|' || at
    || '|' || length(actor) || ':' || actor || '|' || length(request_id) || ':' || request_id
    || '|' || length(event) || ':' || event || '|' || length(target) || ':' || target
    || '|' || length(data) || ':' || data, 'UTF8')), 'hex');

-- Place, time, actor and hash are the database's own, whatever the client says. The lock is the one that writers take, so that a
-- client which takes none waits here; what sees an older state gives the same place twice, which the key refuses.
-- A plan made while the table was empty would read all of it for each row.
CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE last_seq BIGINT; last_hash TEXT; locked TEXT;
BEGIN
  locked := pg_advisory_xact_lock(2037212018)::text;  -- an assignment costs less than a query
  SELECT e.seq, e.hash INTO last_seq, last_hash FROM ymgr.audit_events e ORDER BY e.seq DESC LIMIT 1;
  NEW.seq := coalesce(last_seq, 0) + 1;
  NEW.at := floor(extract(epoch FROM clock_timestamp()) * 1000000);
  NEW.actor := ymgr.actor_of(session_user::text);
  NEW.hash := ymgr.audit_hash(coalesce(last_hash, repeat('0', 64)), NEW.seq, NEW.at, NEW.actor, NEW.request_id,
    NEW.event, NEW.target, NEW.data);
  RETURN NEW;
END $$;
CREATE TRIGGER audit_events_chain BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_chain();

-- Once a statement: ten thousand versions of one row in a transaction take seconds.
CREATE FUNCTION audit_head_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  UPDATE ymgr.audit_head SET seq = e.seq, hash = e.hash
  FROM (SELECT seq, hash FROM ymgr.audit_events ORDER BY seq DESC LIMIT 1) AS e WHERE id = 1;
  RETURN NULL;
END $$;
CREATE TRIGGER audit_events_head AFTER INSERT ON audit_events EXECUTE FUNCTION audit_head_follows();

CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events
FOR EACH ROW EXECUTE FUNCTION refuse_change('audit rows never change');
CREATE TRIGGER audit_events_keep BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION refuse_change('audit rows are never deleted');
CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events
EXECUTE FUNCTION refuse_change('audit rows are never deleted');

-- For people: the same rows with times that can be read. Row security is that of whoever looks.
CREATE FUNCTION time_of(microseconds BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE
RETURN TIMESTAMPTZ 'epoch' + microseconds * INTERVAL '1 microsecond';
CREATE VIEW readable_certificates WITH (security_invoker = true) AS
SELECT cert_id, name, status, time_of(issued_at) AS issued_at, time_of(expires_at) AS expires_at,
  time_of(renew_at) AS renew_at, time_of(revoked_at) AS revoked_at, revocation_reason, owner, profile, subject, sans,
  serial_number, issuer, ca_name, key_reference, key_algorithm, policy_version, violations, device, slot, host,
  installation, hook_state, renewed_from, issued_by, request_id
FROM certificates;
CREATE VIEW readable_operations WITH (security_invoker = true) AS
SELECT request_id, kind, target, state, actor, item_count, lease_holder, time_of(lease_until) AS lease_until,
  time_of(created_at) AS created_at, time_of(updated_at) AS updated_at
FROM operations;
CREATE VIEW readable_sessions WITH (security_invoker = true) AS
SELECT user_name, time_of(created_at) AS created_at, time_of(expires_at) AS expires_at, time_of(ended_at) AS ended_at
FROM user_sessions;
CREATE VIEW readable_audit_events WITH (security_invoker = true) AS
SELECT seq, time_of(at) AS at, actor, request_id, event, target, data FROM audit_events;
