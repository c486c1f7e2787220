-- Certificates of other CAs, and of ours that others asked for: watched, never revoked here, in no count of our own.
-- min_client: 1
CREATE TABLE tracked_certificates (
  track_id TEXT COLLATE "C" PRIMARY KEY, source TEXT COLLATE "C" NOT NULL, host TEXT COLLATE "C" NOT NULL,  -- where it was found, and from which host
  name TEXT COLLATE "C" NOT NULL, subject TEXT COLLATE "C" NOT NULL, sans TEXT COLLATE "C" NOT NULL,        -- sans: JSON array "dns:…"
  serial_number TEXT COLLATE "C" NOT NULL, issuer TEXT COLLATE "C" NOT NULL, key_algorithm TEXT COLLATE "C" NOT NULL, public_key_sha256 TEXT COLLATE "C" NOT NULL,
  not_before BIGINT NOT NULL, expires_at BIGINT NOT NULL, renew_at BIGINT NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL, pem TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL,
  profile TEXT COLLATE "C", installation TEXT COLLATE "C",                                      -- NULL: it is renewed elsewhere
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('tracked','replaced','untracked')),
  tracked_at BIGINT NOT NULL, tracked_by TEXT COLLATE "C" NOT NULL, seen_at BIGINT NOT NULL,
  UNIQUE (host, source));
CREATE INDEX tracked_certificates_due ON tracked_certificates(renew_at) WHERE status = 'tracked';
CREATE INDEX tracked_certificates_expiry ON tracked_certificates(expires_at, track_id) WHERE status = 'tracked';
