# what the licence says: every enrollment and every issue asks
path "{{kv}}/data/{{prefix}}license" {
  capabilities = ["read"]
}
