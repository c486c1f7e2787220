# make keys that never leave Vault, for renewals with a new key: name and kind can be chosen, nothing else
path "{{transit}}/keys/+" {
  capabilities       = ["create", "read", "update"]
  allowed_parameters = { "type" = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072", "rsa-4096"] }
  denied_parameters  = { "exportable" = [], "allow_plaintext_backup" = [] }
}
