# the key of the audit trail's checkpoints: to be seen, never used, changed or destroyed
path "{{transit}}/keys/{{prefix}}audit" {
  capabilities = ["read"]
}
path "{{transit}}/keys/{{prefix}}audit/config" {
  capabilities = ["deny"]
}
path "{{transit}}/keys/{{prefix}}audit/csr" {
  capabilities = ["deny"]
}
path "{{transit}}/sign/{{prefix}}audit" {
  capabilities = ["deny"]
}
