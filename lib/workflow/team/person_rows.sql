INSERT INTO ymgr.users (name, role, status, password_salt, password_cost, password_verifier, box_public, box_private, created_at,
  created_by, certificate_names)
VALUES ('{{user}}', replace('{{role}}', 'renewer', 'operator'), 'active', '', '{}', '', '', '', floor(extract(epoch FROM now()) * 1000000),
  ymgr.actor(), lower('{{names}}' COLLATE "C"))
ON CONFLICT (name) DO UPDATE SET role = excluded.role, status = 'active', certificate_names = excluded.certificate_names;
INSERT INTO ymgr.database_roles (role_name, user_name) VALUES ('u-{{entity_id}}', '{{user}}')
ON CONFLICT (role_name) DO UPDATE SET user_name = excluded.user_name;
