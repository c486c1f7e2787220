-- By which names a team's Vault signs for somebody, in small letters and with blanks between; NULL: nobody told.
-- min_client: 1
ALTER TABLE users ADD COLUMN certificate_names TEXT COLLATE "C";
CREATE INDEX users_certificate_names ON users USING gin (string_to_array(certificate_names, ' ')) WITH (fastupdate = off);
