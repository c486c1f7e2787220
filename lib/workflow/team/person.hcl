# certificates in the own name: the roles allow no other
path "{{pki}}/sign/piv-{{identity.entity.id}}" {
  capabilities = ["update"]
}
path "{{pki}}/sign/email-{{identity.entity.id}}" {
  capabilities = ["update"]
}
path "{{pki}}/sign/client-{{identity.entity.id}}" {
  capabilities = ["update"]
}
