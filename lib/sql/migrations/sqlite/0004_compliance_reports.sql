-- What the weekly report found, one row a week: violations are measured anew when the policy changes, so that nothing tells
-- later what they were.
-- min_client: 1
CREATE TABLE compliance_reports (
  week BIGINT PRIMARY KEY,  -- its Monday, 00:00 UTC
  at BIGINT NOT NULL, reported_by TEXT NOT NULL, policy_version TEXT NOT NULL,
  active BIGINT NOT NULL, expired BIGINT NOT NULL, due BIGINT NOT NULL,  -- expired: and not replaced
  expiring BIGINT NOT NULL, revoked BIGINT NOT NULL,                     -- in the next 30 days; in the last 7
  offending BIGINT NOT NULL,                                             -- active ones against that policy
  CHECK (at >= week AND at < week + 604800000000));
