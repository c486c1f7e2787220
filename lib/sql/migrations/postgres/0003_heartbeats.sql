-- Scheduled renewals: when each host last ran one, and how it ended. One row for each who runs them there.
-- min_client: 1
CREATE TABLE heartbeats (
  host TEXT COLLATE "C" NOT NULL, actor TEXT COLLATE "C" NOT NULL,
  started_at BIGINT NOT NULL, ended_at BIGINT,  -- of the last run; NULL: it goes on, or was killed
  exit_status BIGINT, message TEXT COLLATE "C",             -- of the last run that ended
  succeeded_at BIGINT,                          -- end of the last one that did all it had to
  PRIMARY KEY (host, actor));
