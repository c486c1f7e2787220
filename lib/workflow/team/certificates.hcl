# find certificates of the CA: after an answer that got lost, and to compare with the inventory
path "{{pki}}/certs" {
  capabilities = ["list"]
}
path "{{pki}}/certs/detailed" {
  capabilities = ["list"]
}
path "{{pki}}/certs/revoked" {
  capabilities = ["list"]
}
path "{{pki}}/issuers" {
  capabilities = ["list"]
}
path "{{pki}}/cert/+" {
  capabilities = ["read"]
}
