# set the own password: accounts have their entities' names, which only admins write
path "auth/{{auth_mount}}/users/{{identity.entity.name}}/password" {
  capabilities = ["update"]
}
