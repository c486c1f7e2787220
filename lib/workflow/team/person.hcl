# certificates in the own name: the role allows no other
path "{{pki}}/sign/piv-{{identity.entity.id}}" {
  capabilities = ["update"]
}
