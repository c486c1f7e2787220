# which YubiKeys have secrets, and when they changed; never a secret itself
path "{{kv}}/metadata/*" {
  capabilities = ["list", "read"]
}

# whether versions are kept and compared
path "{{kv}}/config" {
  capabilities = ["read"]
}

# checkpoints of the audit trail, which 'ymgr audit verify' compares with the database
path "{{kv}}/data/{{prefix}}checkpoints" {
  capabilities = ["read"]
}

# which keys there are, with their public halves
path "{{transit}}/keys" {
  capabilities = ["list"]
}
path "{{transit}}/keys/+" {
  capabilities = ["read"]
}

# what the CA may sign, and how it revokes
path "{{pki}}/roles" {
  capabilities = ["list"]
}
path "{{pki}}/roles/+" {
  capabilities = ["read"]
}
path "{{pki}}/config/*" {
  capabilities = ["read"]
}

# who is who, and who may do what
path "identity/entity/*" {
  capabilities = ["list", "read"]
}
path "identity/entity-alias/*" {
  capabilities = ["list", "read"]
}
path "identity/group/*" {
  capabilities = ["list", "read"]
}
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/+" {
  capabilities = ["read"]
}
path "sys/mounts" {
  capabilities = ["read"]
}
path "sys/auth" {
  capabilities = ["read"]
}
path "{{database}}/roles" {
  capabilities = ["list"]
}
path "{{database}}/roles/+" {
  capabilities = ["read"]
}
path "{{database}}/config/+" {
  capabilities = ["read"]
}

# find a value that is known in Vault's own audit file, which has hashes of it
path "sys/audit-hash/+" {
  capabilities = ["update"]
}
