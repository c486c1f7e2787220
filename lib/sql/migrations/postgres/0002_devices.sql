-- YubiKeys. What a card tells of itself, who has it, and what became of it; secrets stand sealed in `secrets`.
-- min_client: 1
CREATE TABLE devices (
  serial TEXT COLLATE "C" PRIMARY KEY, owner TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL CHECK (status IN ('factory','enrolled','lost','retired')),  -- factory: has default credentials, or may
  firmware TEXT COLLATE "C" NOT NULL, form_factor TEXT COLLATE "C" NOT NULL, fips BIGINT NOT NULL,
  default_pin BIGINT, default_puk BIGINT, default_management_key BIGINT,  -- when it was first seen; NULL: unknown
  pin_mode TEXT COLLATE "C" NOT NULL CHECK (pin_mode IN ('escrow','user')),
  attestation TEXT COLLATE "C", attestation_root TEXT COLLATE "C", attested_at BIGINT,  -- PEM of the statement and of F9's certificate
  created_at BIGINT NOT NULL, enrolled_at BIGINT, enrolled_by TEXT COLLATE "C", updated_at BIGINT NOT NULL,
  note TEXT COLLATE "C",                                                     -- of the last change of status
  replaced_by TEXT COLLATE "C" REFERENCES devices(serial), superseded_at BIGINT);  -- until then the certificates on it stay active
CREATE INDEX devices_owner ON devices(owner);
CREATE INDEX devices_replaced ON devices(superseded_at) WHERE superseded_at IS NOT NULL;
CREATE INDEX certificates_device ON certificates(device) WHERE device IS NOT NULL;
CREATE VIEW readable_devices WITH (security_invoker = true) AS
SELECT serial, owner, status, firmware, form_factor, pin_mode, time_of(created_at) AS created_at,
  time_of(enrolled_at) AS enrolled_at, enrolled_by, time_of(updated_at) AS updated_at, note, replaced_by,
  time_of(superseded_at) AS superseded_at
FROM devices;
