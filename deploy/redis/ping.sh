#!/bin/sh
# Healthy if Redis answers to its password.
set -eu
REDISCLI_AUTH=$(cat "${CONFIG_FOLDER:-/etc/autoforge}/password")
export REDISCLI_AUTH
answer=$("${REDIS_CLI:-redis-cli}" -p "${REDIS_PORT:-6379}" ping)
[ "$answer" = PONG ]
