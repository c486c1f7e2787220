# the settings of the team, for 'ymgr init --join'
path "{{kv}}/data/{{prefix}}settings" {
  capabilities = ["read"]
}
