# certificates of services, one role for each profile and kind of key: names, key sizes and lifetimes are limited there
path "{{pki}}/sign/{{service}}" {
  capabilities = ["update"]
}

# certificate requests of keys that never leave Vault, and their signatures where transit builds no request itself
path "{{transit}}/keys/+/csr" {
  capabilities = ["update"]
}
path "{{transit}}/sign/+" {
  capabilities = ["update"]
}

# which keys there are
path "{{transit}}/keys" {
  capabilities = ["list"]
}
