# certificates for doors and readers, in the own name: their keys answer without a PIN
path "{{pki}}/sign/card-{{identity.entity.id}}" {
  capabilities = ["update"]
}
