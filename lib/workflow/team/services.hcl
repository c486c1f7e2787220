# certificates of services, one role for each profile and kind of key: names, key sizes and lifetimes are limited there
path "{{pki}}/sign/{{service}}" {
  capabilities = ["update"]
}

# keys that never leave Vault are renewed: a new version, its request and its certificate
path "{{transit}}/keys/+/rotate" {
  capabilities = ["update"]
}
path "{{transit}}/keys/+/csr" {
  capabilities = ["update"]
}
path "{{transit}}/keys/+/set-certificate" {
  capabilities = ["update"]
}

# signatures of these keys: requests that transit does not build itself
path "{{transit}}/sign/+" {
  capabilities = ["update"]
}
path "{{transit}}/sign/+/+" {
  capabilities = ["update"]
}

# which keys there are
path "{{transit}}/keys" {
  capabilities = ["list"]
}
