-- Certificates of other CAs, and of ours that others asked for: watched, never revoked here, in no count of our own.
-- min_client: 1
CREATE TABLE tracked_certificates (
  track_id TEXT PRIMARY KEY, source TEXT NOT NULL, host TEXT NOT NULL,  -- where it was found, and from which host
  name TEXT NOT NULL, subject TEXT NOT NULL, sans TEXT NOT NULL,        -- sans: JSON array "dns:…"
  serial_number TEXT NOT NULL, issuer TEXT NOT NULL, key_algorithm TEXT NOT NULL, public_key_sha256 TEXT NOT NULL,
  not_before BIGINT NOT NULL, expires_at BIGINT NOT NULL, renew_at BIGINT NOT NULL,
  fingerprint TEXT NOT NULL, pem TEXT NOT NULL, owner TEXT NOT NULL,
  profile TEXT, installation TEXT,                                      -- NULL: it is renewed elsewhere
  status TEXT NOT NULL CHECK (status IN ('tracked','replaced','untracked')),
  tracked_at BIGINT NOT NULL, tracked_by TEXT NOT NULL, seen_at BIGINT NOT NULL,
  UNIQUE (host, source));
CREATE INDEX tracked_certificates_due ON tracked_certificates(renew_at) WHERE status = 'tracked';
CREATE INDEX tracked_certificates_expiry ON tracked_certificates(expires_at, track_id) WHERE status = 'tracked';
