# enroll and recover YubiKeys: PUK and management key, and the PINs that are kept
path "{{kv}}/data/+/secrets" {
  capabilities = ["create", "read", "update"]
}
path "{{kv}}/data/+/pin" {
  capabilities = ["create", "read", "update"]
}

# destroy former secrets once the YubiKey has new ones, and those of a YubiKey that retired
path "{{kv}}/destroy/+/secrets" {
  capabilities = ["update"]
}
path "{{kv}}/destroy/+/pin" {
  capabilities = ["update"]
}

# which YubiKeys have secrets, in which version; how many versions are kept is not theirs to change
path "{{kv}}/metadata" {
  capabilities = ["list"]
}
path "{{kv}}/metadata/+" {
  capabilities = ["list"]
}
path "{{kv}}/metadata/+/secrets" {
  capabilities = ["read"]
}
path "{{kv}}/metadata/+/pin" {
  capabilities = ["read"]
}

# make keys that never leave Vault, and destroy them: name and kind can be chosen, nothing else
path "{{transit}}/keys/+" {
  capabilities       = ["create", "read", "update", "delete"]
  allowed_parameters = { "type" = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"] }
  denied_parameters  = { "exportable" = [], "allow_plaintext_backup" = [] }
}

# allow the deletion of a key, the first of its two steps
path "{{transit}}/keys/+/config" {
  capabilities       = ["update"]
  allowed_parameters = { "deletion_allowed" = [] }
}

# revoke certificates, and have the CRL made at once
path "{{pki}}/revoke" {
  capabilities = ["update"]
}
path "{{pki}}/crl/rotate" {
  capabilities = ["read"]
}

# who a person is, and which YubiKeys are whose: metadata alone, since a policy on an entity would make an admin of it
path "identity/lookup/entity" {
  capabilities = ["update"]
}
path "identity/entity/id" {
  capabilities = ["list"]
}
path "identity/entity/name/+" {
  capabilities = ["read"]
}
path "identity/entity/id/+" {
  capabilities       = ["read", "update"]
  allowed_parameters = { "metadata" = [] }
}
