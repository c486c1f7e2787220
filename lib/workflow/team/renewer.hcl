# the keys that it renews
path "{{transit}}/keys/+" {
  capabilities = ["read"]
}
