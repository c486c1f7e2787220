-- Who may do what in the schema. Run as {{role}}owner after every migration; again without harm.
SET search_path = ymgr, pg_temp;

-- Set-up, and migration of whole profiles: they bring rows of others with them.
CREATE OR REPLACE FUNCTION acts_for_all() RETURNS BOOLEAN LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT pg_has_role(session_user, '{{role}}owner', 'MEMBER') $$;

-- Sessions are one's own, begin now and end at most 8 hours later (admins: one hour); later than it was, never.
CREATE OR REPLACE FUNCTION check_session() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  at BIGINT := floor(extract(epoch FROM clock_timestamp()) * 1000000);
  life BIGINT := CASE WHEN pg_has_role(session_user, '{{role}}admin', 'MEMBER') THEN 1 ELSE 8 END * 3600000000::BIGINT;
BEGIN
  IF ymgr.acts_for_all() THEN RETURN NEW; END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.expires_at > at + life + 60000000 THEN
      RAISE EXCEPTION 'a session of this role lives % h at most', life / 3600000000 USING ERRCODE = 'check_violation';
    END IF;
    NEW.created_at := at;
    NEW.expires_at := LEAST(NEW.expires_at, at + life);
    NEW.ended_at := NULL;
  ELSIF NEW.session_id <> OLD.session_id OR NEW.user_name <> OLD.user_name OR NEW.created_at <> OLD.created_at
     OR NEW.expires_at > OLD.expires_at OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
    RAISE EXCEPTION 'a session never changes hands, lasts longer or begins again' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_session BEFORE INSERT OR UPDATE ON user_sessions
FOR EACH ROW EXECUTE FUNCTION check_session();

-- Whoever has the role user may enter certificates of any name and host as the own ones. They say nothing about what is another's.
CREATE OR REPLACE FUNCTION is_for_people(profile TEXT) RETURNS BOOLEAN LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT profile IN ('piv-auth', 'email', 'tls-client', 'card-auth') $$;
CREATE OR REPLACE FUNCTION is_persons_word(c certificates) RETURNS BOOLEAN LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT ymgr.is_for_people(c.profile)
    AND EXISTS (SELECT FROM ymgr.users u WHERE u.name = c.issued_by AND u.role = 'user')
$$;

-- An admin told of others that Vault signs by this name for them, and not of whoever asks.
CREATE OR REPLACE FUNCTION is_told_of_others(name TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(bool_and(u.name <> ymgr.actor()), false) FROM ymgr.users u
  WHERE string_to_array(u.certificate_names, ' ') @> ARRAY[lower(is_told_of_others.name COLLATE "C")]
$$;

-- Active certificates have this name, and all that count are those of whoever asks: this binds the role user alone. A name that an admin told
-- of somebody is no other user's, and no row of a people's profile counts against that person whose owner was not told the name: who entered
-- it as a user may have another role by now. Of a name that nobody told, what people entered counts against other users where the account
-- stands before the @.
CREATE OR REPLACE FUNCTION is_own_alone(name TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  WITH told AS (SELECT array_agg(u.name) AS people FROM ymgr.users u
                WHERE string_to_array(u.certificate_names, ' ') @> ARRAY[lower(is_own_alone.name COLLATE "C")])
  SELECT coalesce(bool_and(c.owner = ymgr.actor()), false) AND NOT ymgr.is_told_of_others(is_own_alone.name)
  FROM ymgr.certificates c
  WHERE c.name = is_own_alone.name AND c.status = 'active'
    AND (c.owner = ymgr.actor()
      OR CASE (SELECT c.owner = ANY (people) FROM told)
         WHEN true THEN NOT ymgr.is_persons_word(c)
         WHEN false THEN NOT ymgr.is_for_people(c.profile)
         ELSE NOT ymgr.is_persons_word(c) OR split_part(c.name, '@', 1) = c.owner END)
$$;

-- A lease ends, whatever its holder writes.
CREATE OR REPLACE FUNCTION check_lease() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.lease_until := LEAST(NEW.lease_until, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 1200000000);
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_lease BEFORE INSERT OR UPDATE OF lease_until ON operations
FOR EACH ROW WHEN (NEW.lease_until IS NOT NULL) EXECUTE FUNCTION check_lease();

-- What has ended keeps nobody from its target again.
CREATE OR REPLACE TRIGGER check_ended BEFORE UPDATE OF status ON operation_items
FOR EACH ROW WHEN (OLD.status NOT IN ('open', 'waiting') AND NEW.status IN ('open', 'waiting'))
EXECUTE FUNCTION refuse_change('what has ended does not begin again');

-- A revocation stays, but for a hold that is lifted; what was superseded stays so.
CREATE OR REPLACE FUNCTION check_certificate() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.status = 'revoked' AND OLD.revocation_reason <> 'certificateHold'
     AND (NEW.status <> 'revoked' OR NEW.revoked_at IS DISTINCT FROM OLD.revoked_at OR NEW.revocation_reason IS NULL) THEN
    RAISE EXCEPTION 'a revocation stays' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_certificate BEFORE UPDATE OF status, revoked_at, revocation_reason ON certificates
FOR EACH ROW EXECUTE FUNCTION check_certificate();

-- A row that can't be read would keep everybody from reading the others.
CREATE OR REPLACE FUNCTION check_readable() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF octet_length(NEW.sans) > 1048576 OR octet_length(NEW.labels) > 1048576 OR octet_length(NEW.violations) > 1048576
     OR json_typeof(NEW.sans::json) <> 'array' OR json_typeof(NEW.labels::json) <> 'object'
     OR EXISTS (SELECT FROM json_array_elements(NEW.sans::json) s
                WHERE json_typeof(s) <> 'string' OR s #>> '{}' !~ '^(dns|ip|email|uri|upn):')
     OR EXISTS (SELECT FROM json_each(NEW.labels::json) l WHERE json_typeof(l.value) <> 'string')
     OR (SELECT count(*) <> count(DISTINCT l.key) FROM json_each(NEW.labels::json) l)
     OR EXISTS (SELECT FROM json_array_elements(coalesce(NEW.violations, '[]')::json) v
                WHERE EXISTS (SELECT FROM json_each(v) m WHERE json_typeof(m.value) NOT IN ('string', 'null'))
                   OR (SELECT count(*) <> count(DISTINCT m.key) FROM json_each(v) m)) THEN
    RAISE EXCEPTION 'that is no row of a certificate' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
-- Most rows are seen to be readable at a glance.
CREATE OR REPLACE TRIGGER check_readable BEFORE INSERT OR UPDATE OF sans, labels, violations ON certificates
FOR EACH ROW WHEN (NOT (octet_length(NEW.sans) <= 65536 AND NEW.sans ~ '^\["(dns|ip|email|uri|upn):[^"\\[:cntrl:]]*"(,"(dns|ip|email|uri|upn):[^"\\[:cntrl:]]*")*\]$'
                        AND NEW.labels = '{}' AND NEW.violations IS NULL) IS TRUE)
EXECUTE FUNCTION check_readable();

-- Ids go into commands that people copy into a shell.
CREATE OR REPLACE TRIGGER check_id BEFORE INSERT OR UPDATE OF request_id ON operations
FOR EACH ROW WHEN (NEW.request_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$') EXECUTE FUNCTION refuse_change('that is no request id');
CREATE OR REPLACE TRIGGER check_id BEFORE INSERT OR UPDATE OF cert_id ON certificates
FOR EACH ROW WHEN (NEW.cert_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$') EXECUTE FUNCTION refuse_change('that is no certificate id');

-- A heartbeat is of now, whatever its writer says, and of a host. A user's counts where nobody else depends on it: on a host that has
-- certificates of that user's and no others; elsewhere it is let go. Once it counts, what other people enter does not end that.
CREATE OR REPLACE FUNCTION check_heartbeat() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  at BIGINT := floor(extract(epoch FROM clock_timestamp()) * 1000000);
  writer TEXT;
  is_known BOOLEAN;
BEGIN
  IF ymgr.acts_for_all() THEN RETURN NEW; END IF;
  IF NEW.host !~ '^[A-Za-z0-9._:-]{1,253}$' THEN
    RAISE EXCEPTION 'that is no host name' USING ERRCODE = 'check_violation';
  END IF;
  writer := ymgr.actor_of(session_user::text);
  IF NEW.actor IS DISTINCT FROM writer THEN RETURN NEW; END IF;  -- row security refuses it
  is_known := EXISTS (SELECT FROM ymgr.heartbeats h WHERE h.host = NEW.host AND h.actor = writer);
  IF NOT EXISTS (SELECT FROM ymgr.users u WHERE u.name = writer AND u.role IN ('admin', 'operator'))
     AND (NOT EXISTS (SELECT FROM ymgr.certificates c WHERE c.owner = writer AND c.host = NEW.host AND c.status = 'active')
       OR EXISTS (SELECT FROM ymgr.heartbeats h WHERE h.host = NEW.host AND h.actor <> writer
                  AND NOT (is_known AND EXISTS (SELECT FROM ymgr.users u WHERE u.name = h.actor AND u.role = 'user')))
       OR EXISTS (SELECT FROM ymgr.certificates c WHERE c.host = NEW.host AND c.status = 'active' AND c.owner <> writer
                  AND NOT (is_known AND ymgr.is_persons_word(c)))) THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    NEW.started_at := at;
    NEW.ended_at := NULL;
    NEW.exit_status := NULL;
    NEW.message := NULL;
    NEW.succeeded_at := NULL;
    RETURN NEW;
  END IF;
  IF NEW.started_at IS DISTINCT FROM OLD.started_at THEN NEW.started_at := at; END IF;
  IF NEW.ended_at IS NOT NULL THEN NEW.ended_at := at; END IF;
  NEW.succeeded_at := CASE WHEN NEW.ended_at IS NOT NULL AND NEW.exit_status = 0 THEN at ELSE OLD.succeeded_at END;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_heartbeat BEFORE INSERT OR UPDATE ON heartbeats
FOR EACH ROW EXECUTE FUNCTION check_heartbeat();

-- The installation's id stays, since licences and the days of the trial hang on it; so does when the newest licence was issued, but for a
-- newer one. Set-up alone can change them.
CREATE OR REPLACE FUNCTION check_license_setting() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF ymgr.acts_for_all() THEN RETURN coalesce(NEW, OLD); END IF;
  IF TG_OP <> 'DELETE' AND NEW.name = 'license.newest' AND (NEW.value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
     OR NEW.value > to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) THEN
    RAISE EXCEPTION 'the setting % is no time of a licence', NEW.name USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'INSERT' OR OLD.name NOT IN ('installation_id', 'license.newest') THEN RETURN coalesce(NEW, OLD); END IF;
  IF TG_OP = 'DELETE' OR NEW.name <> OLD.name OR (NEW.value <> OLD.value AND OLD.name = 'installation_id')
     OR NEW.value < OLD.value THEN
    RAISE EXCEPTION 'the setting % stays', OLD.name USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER check_license_setting BEFORE INSERT OR UPDATE OR DELETE ON settings
FOR EACH ROW EXECUTE FUNCTION check_license_setting();
INSERT INTO settings (name, value, updated_at)
SELECT 'installation_id',
  'inst-' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS') || '-' || left(replace(gen_random_uuid()::text, '-', ''), 12),
  floor(extract(epoch FROM clock_timestamp()) * 1000000)
ON CONFLICT (name) DO NOTHING;

-- The audit trail of a profile that moves here comes in as it was: rows that have a hash, one after the other behind what is there. Each
-- hash is computed again. Set-up alone can write place or hash; everybody else's rows get them, time and actor from here.
-- A function that is no more than stable is computed where it stands, which halves its time.
ALTER FUNCTION audit_hash(TEXT, BIGINT, BIGINT, TEXT, TEXT, TEXT, TEXT, TEXT) STABLE;
CREATE OR REPLACE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE last_seq BIGINT; last_hash TEXT; last_actor TEXT; is_ours BOOLEAN; locked TEXT; comes_in BOOLEAN;
BEGIN
  locked := pg_advisory_xact_lock(2037212018)::text;  -- an assignment costs less than a query
  comes_in := NEW.hash IS NOT NULL AND ymgr.acts_for_all();
  SELECT e.seq, e.hash, e.actor, e.xmin = pg_current_xact_id()::xid INTO last_seq, last_hash, last_actor, is_ours
  FROM ymgr.audit_events e ORDER BY e.seq DESC LIMIT 1;
  IF comes_in AND NEW.seq IS DISTINCT FROM coalesce(last_seq, 0) + 1 THEN
    RAISE EXCEPTION 'row % does not follow row %', NEW.seq, coalesce(last_seq, 0) USING ERRCODE = 'check_violation';
  END IF;
  IF NOT comes_in THEN
    NEW.seq := coalesce(last_seq, 0) + 1;
    NEW.at := floor(extract(epoch FROM clock_timestamp()) * 1000000);
    -- Who wrote the row before in this transaction was asked for then.
    IF is_ours IS NOT TRUE OR NEW.actor IS DISTINCT FROM last_actor THEN NEW.actor := ymgr.actor_of(session_user::text); END IF;
    NEW.hash := NULL;
  END IF;
  last_hash := ymgr.audit_hash(coalesce(last_hash, repeat('0', 64)), NEW.seq, NEW.at, NEW.actor, NEW.request_id,
    NEW.event, NEW.target, NEW.data);
  IF comes_in AND NEW.hash <> last_hash THEN
    RAISE EXCEPTION 'the hash of row % is not its own', NEW.seq USING ERRCODE = 'check_violation';
  END IF;
  NEW.hash := last_hash;
  RETURN NEW;
END $$;

-- Revocation of a person's database role: nobody comes in, whoever is in goes, and what the role may do is taken even if
-- something that it made elsewhere keeps it from being dropped.
CREATE OR REPLACE FUNCTION end_login(login TEXT) RETURNS VOID LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held TEXT;
BEGIN
  IF login !~ '^u-[0-9a-f-]{36}[.]' OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN RETURN; END IF;
  EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', login);
  FOR held IN SELECT roleid::regrole::text FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = login) LOOP
    EXECUTE format('REVOKE %s FROM %I', held, login);
  END LOOP;
  EXECUTE format('GRANT %I TO %I', login, current_user);
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = login;
  -- What it made goes with it, and to nobody: a function of its own would run with the rights of whoever got it.
  BEGIN
    EXECUTE format('DROP OWNED BY %I', login);
    EXECUTE format('DROP ROLE %I', login);
  EXCEPTION WHEN dependent_objects_still_exist THEN
    EXECUTE format('REVOKE %I FROM %I', login, current_user);
  END;
END $$;

-- Everything is taken from everybody, then given again.
REVOKE ALL ON SCHEMA ymgr FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ymgr
  FROM PUBLIC, "{{role}}admin", "{{role}}operator", "{{role}}user", "{{role}}auditor", "{{role}}renewer", "{{role}}vault";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ymgr
  FROM PUBLIC, "{{role}}admin", "{{role}}operator", "{{role}}user", "{{role}}auditor", "{{role}}renewer", "{{role}}vault";
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ymgr
  FROM PUBLIC, "{{role}}admin", "{{role}}operator", "{{role}}user", "{{role}}auditor", "{{role}}renewer", "{{role}}vault";
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
DO $$
DECLARE
  found RECORD;
BEGIN
  FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = 'ymgr' LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', found.tablename);
  END LOOP;
  FOR found IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'ymgr' LOOP
    EXECUTE format('DROP POLICY %I ON %I', found.policyname, found.tablename);
  END LOOP;
END $$;

-- [admin operator user auditor renewer] reach the schema, and ask who they are
GRANT USAGE ON SCHEMA ymgr TO {{to}};
GRANT EXECUTE ON FUNCTION actor(), time_of(BIGINT) TO {{to}};
-- [vault] end a person's login when its lease does: role, connections and rights
GRANT USAGE ON SCHEMA ymgr TO {{to}};
GRANT EXECUTE ON FUNCTION end_login(TEXT) TO {{to}};

-- [admin operator user auditor renewer] see which version the schema has, and the settings
GRANT SELECT ON schema_migrations, settings TO {{to}};
CREATE POLICY {{policy}} ON schema_migrations FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON settings FOR SELECT TO {{to}} USING (true);
-- [admin] change settings and the policy's hash among them
GRANT INSERT, UPDATE, DELETE ON settings TO {{to}};
CREATE POLICY {{policy}} ON settings FOR ALL TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator auditor renewer] see who the users are
GRANT SELECT (name, role, status, failed_logins, locked_until, created_at, created_by, last_login_at) ON users TO {{to}};
CREATE POLICY {{policy}} ON users FOR SELECT TO {{to}} USING (true);
-- [user] see oneself
GRANT SELECT (name, role, status, failed_logins, locked_until, created_at, created_by, last_login_at) ON users TO {{to}};
CREATE POLICY {{policy}} ON users FOR SELECT TO {{to}} USING (name = (SELECT actor()));
-- [admin auditor] see whose the database roles are
GRANT SELECT ON database_roles TO {{to}};
CREATE POLICY {{policy}} ON database_roles FOR SELECT TO {{to}} USING (true);
-- [admin] add people, give roles and names of certificates, disable them
GRANT SELECT (certificate_names), INSERT, UPDATE ON users TO {{to}};
CREATE POLICY {{policy}} ON users FOR ALL TO {{to}} USING (true) WITH CHECK (true);
GRANT INSERT, UPDATE, DELETE ON database_roles TO {{to}};
CREATE POLICY {{policy}} ON database_roles FOR ALL TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator user auditor renewer] begin a session of one's own, of 8 hours at most, and end it
GRANT SELECT, INSERT (session_id, user_name, created_at, expires_at, agent_pubkey),
  UPDATE (ended_at, data_key_box, agent_pubkey) ON user_sessions TO {{to}};
CREATE POLICY {{policy}} ON user_sessions FOR ALL TO {{to}}
  USING (user_name = (SELECT actor())) WITH CHECK (user_name = (SELECT actor()));
-- [admin auditor] see who is logged in
CREATE POLICY {{policy}} ON user_sessions FOR SELECT TO {{to}} USING (true);
-- [admin] end anybody's session
CREATE POLICY {{policy}} ON user_sessions FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator] begin operations in the own name, finish everybody's
GRANT SELECT, INSERT, UPDATE (state, lease_holder, lease_until, updated_at, result) ON operations TO {{to}};
CREATE POLICY {{policy}} ON operations FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON operations FOR INSERT TO {{to}} WITH CHECK (actor = (SELECT actor()));
CREATE POLICY {{policy}} ON operations FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (status, state, data, error, updated_at) ON operation_items TO {{to}};
CREATE POLICY {{policy}} ON operation_items FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON operation_items FOR INSERT TO {{to}} WITH CHECK (EXISTS (
  SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.actor = (SELECT actor())));
CREATE POLICY {{policy}} ON operation_items FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);
-- [renewer] begin issues and renewals in the own name, finish everybody's: an operator may go on with these, and with nothing that a renewer may not do
GRANT SELECT, INSERT, UPDATE (state, lease_holder, lease_until, updated_at, result) ON operations TO {{to}};
CREATE POLICY {{policy}} ON operations FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON operations FOR INSERT TO {{to}} WITH CHECK (actor = (SELECT actor()) AND kind IN ('issue', 'renew'));
CREATE POLICY {{policy}} ON operations FOR UPDATE TO {{to}} USING (kind IN ('issue', 'renew')) WITH CHECK (kind IN ('issue', 'renew'));
GRANT SELECT, INSERT, UPDATE (status, state, data, error, updated_at) ON operation_items TO {{to}};
CREATE POLICY {{policy}} ON operation_items FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON operation_items FOR INSERT TO {{to}} WITH CHECK (EXISTS (
  SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.actor = (SELECT actor())));
CREATE POLICY {{policy}} ON operation_items FOR UPDATE TO {{to}} USING (EXISTS (
  SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.kind IN ('issue', 'renew'))) WITH CHECK (true);
-- [user] begin and finish operations of one's own
GRANT SELECT, INSERT, UPDATE (state, lease_holder, lease_until, updated_at, result) ON operations TO {{to}};
CREATE POLICY {{policy}} ON operations FOR ALL TO {{to}}
  USING (actor = (SELECT actor())) WITH CHECK (actor = (SELECT actor()) AND kind IN ('issue', 'renew', 'device'));
GRANT SELECT, INSERT, UPDATE (status, state, data, error, updated_at) ON operation_items TO {{to}};
CREATE POLICY {{policy}} ON operation_items FOR SELECT TO {{to}} USING (EXISTS (
  SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.actor = (SELECT actor())));
CREATE POLICY {{policy}} ON operation_items FOR UPDATE TO {{to}} USING (EXISTS (
  SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.actor = (SELECT actor())));
-- An open item keeps everybody else from its target.
GRANT EXECUTE ON FUNCTION is_own_alone(TEXT), is_told_of_others(TEXT) TO {{to}};
CREATE POLICY {{policy}} ON operation_items FOR INSERT TO {{to}} WITH CHECK (
  EXISTS (SELECT FROM operations o WHERE o.request_id = operation_items.request_id AND o.actor = (SELECT actor()))
  AND CASE kind WHEN 'issue' THEN NOT is_told_of_others(target) WHEN 'renew' THEN is_own_alone(target)
      WHEN 'device' THEN EXISTS (SELECT FROM devices d WHERE d.serial = target AND d.owner = (SELECT actor())) ELSE false END);
-- [auditor] see what was begun, and how far it came
GRANT SELECT ON operations, operation_items TO {{to}};
CREATE POLICY {{policy}} ON operations FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON operation_items FOR SELECT TO {{to}} USING (true);

-- [admin operator auditor renewer] see the inventory of certificates
GRANT SELECT ON certificates, certificate_labels TO {{to}};
CREATE POLICY {{policy}} ON certificates FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON certificate_labels FOR SELECT TO {{to}} USING (true);
-- [admin operator renewer] enter certificates, as issued by oneself
GRANT INSERT ON certificates, certificate_labels TO {{to}};
CREATE POLICY {{policy}} ON certificates FOR INSERT TO {{to}} WITH CHECK (issued_by = (SELECT actor()));
CREATE POLICY {{policy}} ON certificate_labels FOR INSERT TO {{to}} WITH CHECK (true);
-- [admin operator] record what became of them: revoked, superseded, installed, judged by a new policy
GRANT UPDATE (status, revoked_at, revocation_reason, invalidity_at, host, installation, hook_state, hook_message, hook_at,
  hook_holder, hook_until, policy_version, violations) ON certificates TO {{to}};
CREATE POLICY {{policy}} ON certificates FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);
-- [renewer] record what became of them: superseded, installed
GRANT UPDATE (status, host, installation, hook_state, hook_message, hook_at, hook_holder, hook_until)
  ON certificates TO {{to}};
CREATE POLICY {{policy}} ON certificates FOR UPDATE TO {{to}} USING (true) WITH CHECK (status <> 'revoked');
-- [user] see the own certificates, enter them, and record what became of them
GRANT SELECT, INSERT, UPDATE (status, host, installation, hook_state, hook_message, hook_at, hook_holder, hook_until)
  ON certificates TO {{to}};
CREATE POLICY {{policy}} ON certificates FOR SELECT TO {{to}} USING (owner = (SELECT actor()));
CREATE POLICY {{policy}} ON certificates FOR INSERT TO {{to}}
  WITH CHECK (owner = (SELECT actor()) AND issued_by = (SELECT actor())
    AND profile IN ('piv-auth', 'email', 'tls-client', 'card-auth'));
CREATE POLICY {{policy}} ON certificates FOR UPDATE TO {{to}}
  USING (owner = (SELECT actor())) WITH CHECK (status <> 'revoked');
GRANT SELECT, INSERT ON certificate_labels TO {{to}};
CREATE POLICY {{policy}} ON certificate_labels FOR ALL TO {{to}} USING (EXISTS (
  SELECT FROM certificates c WHERE c.cert_id = certificate_labels.cert_id AND c.owner = (SELECT actor())));

-- [admin operator user auditor renewer] see which keys nobody may use
GRANT SELECT ON denied_keys TO {{to}};
CREATE POLICY {{policy}} ON denied_keys FOR SELECT TO {{to}} USING (true);
-- [admin operator] deny keys for ever
GRANT INSERT ON denied_keys TO {{to}};
CREATE POLICY {{policy}} ON denied_keys FOR INSERT TO {{to}} WITH CHECK (true);

-- [admin operator auditor renewer] see the YubiKeys
GRANT SELECT ON devices TO {{to}};
CREATE POLICY {{policy}} ON devices FOR SELECT TO {{to}} USING (true);
-- [user] see the own YubiKeys
GRANT SELECT ON devices TO {{to}};
CREATE POLICY {{policy}} ON devices FOR SELECT TO {{to}} USING (owner = (SELECT actor()));
-- [admin operator] enroll YubiKeys, give them to people, record what became of them
GRANT INSERT, UPDATE (owner, status, firmware, form_factor, fips, default_pin, default_puk, default_management_key, pin_mode,
  attestation, attestation_root, attested_at, enrolled_at, enrolled_by, updated_at, note, replaced_by, superseded_at)
  ON devices TO {{to}};
CREATE POLICY {{policy}} ON devices FOR INSERT TO {{to}} WITH CHECK (true);
CREATE POLICY {{policy}} ON devices FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator user auditor renewer] add to the audit trail, with actor and time as the database knows them
GRANT INSERT (at, actor, request_id, event, target, data) ON audit_events TO {{to}};
CREATE POLICY {{policy}} ON audit_events FOR INSERT TO {{to}} WITH CHECK (true);
-- [operator user renewer] see the own part of the audit trail
GRANT SELECT ON audit_events TO {{to}};
CREATE POLICY {{policy}} ON audit_events FOR SELECT TO {{to}} USING (actor = (SELECT actor()));
-- [admin auditor] see the whole audit trail, and its head
GRANT SELECT ON audit_events, audit_head TO {{to}};
CREATE POLICY {{policy}} ON audit_events FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON audit_head FOR SELECT TO {{to}} USING (true);

-- [admin operator user auditor renewer] see the CAs, what they signed and what is to be on their lists
GRANT SELECT ON issuers, ca_issued, ca_revocations TO {{to}};
CREATE POLICY {{policy}} ON issuers FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON ca_issued FOR SELECT TO {{to}} USING (true);
CREATE POLICY {{policy}} ON ca_revocations FOR SELECT TO {{to}} USING (true);
-- [admin operator user renewer] note what a CA signed
GRANT INSERT ON ca_issued TO {{to}};
CREATE POLICY {{policy}} ON ca_issued FOR INSERT TO {{to}} WITH CHECK (true);
-- [admin operator] note what is to be revoked: whoever may revoke in Vault does it there
GRANT INSERT, UPDATE (reason, invalidity_at) ON ca_revocations TO {{to}};
CREATE POLICY {{policy}} ON ca_revocations FOR INSERT TO {{to}} WITH CHECK (true);
CREATE POLICY {{policy}} ON ca_revocations FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);
-- [admin] make CAs known, and which of them signs
GRANT INSERT, UPDATE (status, subject, certificate, chain, not_before, not_after) ON issuers TO {{to}};
CREATE POLICY {{policy}} ON issuers FOR INSERT TO {{to}} WITH CHECK (true);
CREATE POLICY {{policy}} ON issuers FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator auditor renewer] see which certificates from elsewhere are watched
GRANT SELECT ON tracked_certificates TO {{to}};
CREATE POLICY {{policy}} ON tracked_certificates FOR SELECT TO {{to}} USING (true);
-- [admin operator] watch certificates from elsewhere
GRANT INSERT, UPDATE ON tracked_certificates TO {{to}};
CREATE POLICY {{policy}} ON tracked_certificates FOR INSERT TO {{to}} WITH CHECK (tracked_by = (SELECT actor()));
CREATE POLICY {{policy}} ON tracked_certificates FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);
-- [renewer] note which of them have a successor of ours
GRANT UPDATE (status, seen_at) ON tracked_certificates TO {{to}};
CREATE POLICY {{policy}} ON tracked_certificates FOR UPDATE TO {{to}} USING (true) WITH CHECK (status = 'replaced');
-- [user] see what is watched in the own name
GRANT SELECT ON tracked_certificates TO {{to}};
CREATE POLICY {{policy}} ON tracked_certificates FOR SELECT TO {{to}} USING (owner = (SELECT actor()));

-- [admin operator user auditor renewer] see when each host last ran its scheduled renewal, and how it ended
GRANT SELECT ON heartbeats TO {{to}};
CREATE POLICY {{policy}} ON heartbeats FOR SELECT TO {{to}} USING (true);
-- [admin operator user renewer] record the own runs
GRANT INSERT, UPDATE (started_at, ended_at, exit_status, message, succeeded_at) ON heartbeats TO {{to}};
CREATE POLICY {{policy}} ON heartbeats FOR INSERT TO {{to}} WITH CHECK (actor = (SELECT actor()));
CREATE POLICY {{policy}} ON heartbeats FOR UPDATE TO {{to}}
  USING (actor = (SELECT actor())) WITH CHECK (actor = (SELECT actor()));

-- [admin operator auditor renewer] see what the weekly reports found
GRANT SELECT ON compliance_reports TO {{to}};
CREATE POLICY {{policy}} ON compliance_reports FOR SELECT TO {{to}} USING (true);
-- The epoch began on a Thursday, a week on a Monday.
-- [admin operator renewer] record what this week's report found, once
GRANT INSERT ON compliance_reports TO {{to}};
CREATE POLICY {{policy}} ON compliance_reports FOR INSERT TO {{to}} WITH CHECK (reported_by = (SELECT actor())
  AND abs(extract(epoch FROM clock_timestamp()) - at / 1000000) < 3600
  AND (week - 345600000000) % 604800000000 = 0);

-- [admin operator auditor renewer] see what people were told, and what is owed
GRANT SELECT ON notifications TO {{to}};
CREATE POLICY {{policy}} ON notifications FOR SELECT TO {{to}} USING (true);
-- [admin operator renewer] record what is due, and what was sent
GRANT INSERT, UPDATE (state, holder, held_until, attempts, unsure, error, digest, sent_at, ended_at) ON notifications TO {{to}};
CREATE POLICY {{policy}} ON notifications FOR INSERT TO {{to}} WITH CHECK (true);
CREATE POLICY {{policy}} ON notifications FOR UPDATE TO {{to}} USING (true) WITH CHECK (true);

-- [admin operator user auditor renewer] the same rows with times that people can read
GRANT SELECT ON readable_certificates, readable_operations, readable_sessions, readable_devices,
  readable_audit_events TO {{to}};
