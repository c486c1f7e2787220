-- YubiKeys. What a card tells of itself, who has it, and what became of it; secrets stand sealed in `secrets`.
-- min_client: 1
CREATE TABLE devices (
  serial TEXT PRIMARY KEY, owner TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('factory','enrolled','lost','retired')),  -- factory: has default credentials, or may
  firmware TEXT NOT NULL, form_factor TEXT NOT NULL, fips BIGINT NOT NULL,
  default_pin BIGINT, default_puk BIGINT, default_management_key BIGINT,  -- when it was first seen; NULL: unknown
  pin_mode TEXT NOT NULL CHECK (pin_mode IN ('escrow','user')),
  attestation TEXT, attestation_root TEXT, attested_at BIGINT,  -- PEM of the statement and of F9's certificate
  created_at BIGINT NOT NULL, enrolled_at BIGINT, enrolled_by TEXT, updated_at BIGINT NOT NULL,
  note TEXT,                                                     -- of the last change of status
  replaced_by TEXT REFERENCES devices(serial), superseded_at BIGINT);  -- until then the certificates on it stay active
CREATE INDEX devices_owner ON devices(owner);
CREATE INDEX devices_replaced ON devices(superseded_at) WHERE superseded_at IS NOT NULL;
CREATE INDEX certificates_device ON certificates(device) WHERE device IS NOT NULL;
