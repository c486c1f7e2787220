-- Roles of the server. Run by a superuser, or by a role with CREATEROLE that owns the database; again without harm.
DO $$
DECLARE
  name TEXT;
BEGIN
  FOREACH name IN ARRAY ARRAY['{{role}}owner', '{{role}}admin', '{{role}}operator', '{{role}}user', '{{role}}auditor',
                              '{{role}}renewer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
    EXECUTE format('ALTER ROLE %I NOLOGIN NOCREATEROLE NOCREATEDB', name);
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{role}}vault') THEN
    CREATE ROLE "{{role}}vault" LOGIN CREATEROLE;
  END IF;
  ALTER ROLE "{{role}}vault" LOGIN CREATEROLE NOCREATEDB;
  IF NOT pg_has_role('{{role}}owner', 'MEMBER') THEN
    EXECUTE format('GRANT "{{role}}owner" TO %I', current_user);
  END IF;
END $$;

REVOKE ALL ON DATABASE "{{dbname}}" FROM PUBLIC;
-- Nobody makes functions or tables that others would come upon.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- [owner] make the schema, and have everything in it: nobody logs in as this role
GRANT CREATE, CONNECT ON DATABASE "{{dbname}}" TO {{to}};
-- [admin operator user auditor renewer vault] use the database
GRANT CONNECT ON DATABASE "{{dbname}}" TO {{to}};
