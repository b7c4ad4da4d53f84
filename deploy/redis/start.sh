#!/bin/sh
# Start Redis with a password that is in no command line: process lists show those.
set -eu
umask 077
folder=${CONFIG_FOLDER:-/etc/autoforge}
config=${REDIS_CONFIG:-/tmp/redis.conf}
password=$(cat "$folder/password")
if [ -z "$password" ]; then
  echo "$folder/password is empty: write the password of REDIS_URL to it." >&2
  exit 1
fi
# In double quotes Redis knows escapes; these two are the characters that would end or change the text.
escaped=$(printf '%s' "$password" | sed 's/[\\"]/\\&/g')
cat > "$config" <<CONFIG
requirepass "$escaped"
dir ${REDIS_DATA:-/data}
port ${REDIS_PORT:-6379}
appendonly yes
appendfsync everysec
maxmemory ${REDIS_MEMORY:-256mb}
# The queue lives here too: when memory is full a write is refused, and nothing is forgotten silently.
maxmemory-policy noeviction
CONFIG
exec "${REDIS_SERVER:-redis-server}" "$config"
