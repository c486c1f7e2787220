# everything an operator does with secrets, and clearing away what is left of them
path "{{kv}}/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# keys, never exportable: what is exportable once stays so
path "{{transit}}/keys" {
  capabilities = ["list"]
}
path "{{transit}}/keys/+" {
  capabilities      = ["create", "read", "update", "delete"]
  denied_parameters = { "exportable" = [], "allow_plaintext_backup" = [] }
}
path "{{transit}}/keys/+/config" {
  capabilities      = ["update"]
  denied_parameters = { "exportable" = [], "allow_plaintext_backup" = [] }
}
path "{{transit}}/keys/+/csr" {
  capabilities = ["update"]
}
path "{{transit}}/sign/+" {
  capabilities = ["update"]
}

# the key of checkpoints signs, and stays as it is
path "{{transit}}/keys/{{prefix}}audit" {
  capabilities = ["read"]
}
path "{{transit}}/keys/{{prefix}}audit/config" {
  capabilities = ["deny"]
}

# checkpoints of the audit trail: new ones; the former stay
path "{{kv}}/data/{{prefix}}checkpoints" {
  capabilities = ["create", "read", "update"]
}
path "{{kv}}/metadata/{{prefix}}checkpoints" {
  capabilities = ["read"]
}
path "{{kv}}/delete/{{prefix}}checkpoints" {
  capabilities = ["deny"]
}
path "{{kv}}/destroy/{{prefix}}checkpoints" {
  capabilities = ["deny"]
}

# licences: new ones; the former stay
path "{{kv}}/data/{{prefix}}license" {
  capabilities = ["create", "read", "update"]
}
path "{{kv}}/metadata/{{prefix}}license" {
  capabilities = ["read"]
}
path "{{kv}}/delete/{{prefix}}license" {
  capabilities = ["deny"]
}
path "{{kv}}/destroy/{{prefix}}license" {
  capabilities = ["deny"]
}

# the CA: its roles, issuers and settings. Whoever writes roles has certificates in every name
path "{{pki}}/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# people: entities, aliases, groups, and the tokens for the agent
path "identity/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# how people log in
path "sys/auth" {
  capabilities = ["read"]
}
path "auth/{{auth_mount}}/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "sys/locked-users" {
  capabilities = ["read"]
}
path "sys/locked-users/*" {
  capabilities = ["update"]
}

# database roles of people. Whoever writes them is the database's superuser in all but name
path "{{database}}/roles" {
  capabilities = ["list"]
}
path "{{database}}/roles/+" {
  capabilities = ["create", "read", "update", "delete"]
}
path "{{database}}/config/+" {
  capabilities = ["read"]
}

# what each role may do. Whoever writes policies is root
path "sys/policies/acl" {
  capabilities = ["list"]
}
path "sys/policies/acl/{{prefix}}*" {
  capabilities = ["create", "read", "update", "delete"]
}
path "sys/mounts" {
  capabilities = ["read"]
}

# end what somebody still holds; the server wants sudo for the list
path "sys/leases/lookup/*" {
  capabilities = ["list", "sudo"]
}
path "sys/leases/lookup" {
  capabilities = ["update"]
}
path "auth/token/accessors" {
  capabilities = ["list"]
}
path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}
