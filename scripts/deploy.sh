#!/usr/bin/env bash
# Bring the image and its environment to the host, and start it there (Docker Compose over ssh).
# Asks for: DEPLOY_HOST (user@host), DEPLOY_PATH, DEPLOY_KNOWN_HOSTS, DEPLOY_SSH_KEY, IMAGE.
set -euo pipefail

for name in DEPLOY_HOST DEPLOY_PATH DEPLOY_KNOWN_HOSTS DEPLOY_SSH_KEY IMAGE; do
  if [ -z "${!name:-}" ]; then
    echo "$name is empty: set it in the repository's settings." >&2
    exit 1
  fi
done

eval "$(ssh-agent -s)" > /dev/null
hosts=$(mktemp)
trap 'ssh-agent -k > /dev/null; rm -f "$hosts"' EXIT
printf '%s\n' "$DEPLOY_KNOWN_HOSTS" > "$hosts"
printf '%s\n' "$DEPLOY_SSH_KEY" | ssh-add -q -
options=(-o "UserKnownHostsFile=$hosts" -o StrictHostKeyChecking=yes -o BatchMode=yes)

# The container's user (10001) owns the file, so that it alone may read it.
ssh "${options[@]}" "$DEPLOY_HOST" "umask 077 && mkdir -p '$DEPLOY_PATH' && cat > '$DEPLOY_PATH/.env.new'" < .env
scp -q "${options[@]}" docker-compose.yml docker-compose.prod.yml "$DEPLOY_HOST:$DEPLOY_PATH/"
ssh "${options[@]}" "$DEPLOY_HOST" bash -s -- "$DEPLOY_PATH" "${IMAGE,,}" <<'REMOTE'
set -euo pipefail
cd "$1"
export IMAGE="$2"
mv .env.new .env
sudo chown 10001:10001 .env
sudo --preserve-env=IMAGE docker compose -f docker-compose.yml -f docker-compose.prod.yml up --detach --wait --pull always
REMOTE
