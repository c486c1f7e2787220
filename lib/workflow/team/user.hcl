# use and change the PIN of an own YubiKey, never its PUK or management key; former values stay. Which YubiKeys are whose stands
# in the metadata of the person's entity, serial0 to serial9, which operators write
path "{{kv}}/data/{{identity.entity.metadata.serial0}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial1}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial2}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial3}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial4}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial5}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial6}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial7}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial8}}/pin" {
  capabilities = ["read", "update"]
}
path "{{kv}}/data/{{identity.entity.metadata.serial9}}/pin" {
  capabilities = ["read", "update"]
}
