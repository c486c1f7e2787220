-- What people were told, and what is owed: one row for each notice and channel.
-- min_client: 1
CREATE TABLE notifications (
  channel TEXT NOT NULL,            -- mail, webhook or exec
  subject TEXT NOT NULL,            -- "expiry/CERT_ID", "renewal/NAME", "operation/ID", "hook/HOST/INSTALLATION", "run/HOST"
  number BIGINT NOT NULL,           -- of an expiry: the window in days; of others: 1, 2, 3
  kind TEXT NOT NULL CHECK (kind IN ('expiry','failure','recovery')),
  detail TEXT NOT NULL,             -- JSON: what is told
  fingerprint TEXT,                 -- of a failure: another one is told again
  state TEXT NOT NULL CHECK (state IN ('owed','sending','sent','dropped')),  -- dropped: before it went out it was no longer so
  holder TEXT, held_until BIGINT,   -- who sends it just now
  attempts BIGINT NOT NULL DEFAULT 0,
  unsure BIGINT NOT NULL DEFAULT 0, -- 1: an attempt had no answer, so it may have arrived
  error TEXT,                       -- of the last attempt
  digest TEXT,                      -- message that it went out with last
  created_at BIGINT NOT NULL, sent_at BIGINT,
  ended_at BIGINT,                  -- of a failure: when it was over
  PRIMARY KEY (channel, subject, number));
CREATE INDEX notifications_created ON notifications(created_at);
CREATE INDEX notifications_owed ON notifications(channel) WHERE state IN ('owed','sending');
CREATE INDEX notifications_failing ON notifications(channel) WHERE kind = 'failure' AND ended_at IS NULL;
