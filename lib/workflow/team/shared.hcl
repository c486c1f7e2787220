# know how long the own token lives, make it last, and end it with everything that hangs on it
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# ask what the own token may do: 'ymgr init --team --check' does
path "sys/capabilities-self" {
  capabilities = ["update"]
}

# take what somebody handed over wrapped, after a look at who wrapped it
path "sys/wrapping/lookup" {
  capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# an identity token of 15 minutes for the agent beside the person, in the own name only
path "identity/oidc/token/{{prefix}}agent" {
  capabilities = ["read"]
}

# a database role of one's own for as long as the token lives, by which the database knows who acts
path "{{database}}/creds/u-{{identity.entity.id}}" {
  capabilities = ["read"]
}

# keep that database role during a long command, and give it back after a short one. Leases have names that only their holder knows
path "sys/leases/renew" {
  capabilities = ["update"]
}
path "sys/leases/revoke" {
  capabilities = ["update"]
}
