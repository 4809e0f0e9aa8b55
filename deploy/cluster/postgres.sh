#!/bin/sh
# One of two PostgreSQL servers, NODE. PRIMARY names the one that takes writes; the other follows it, and begins as a copy
# of it. README.md says how they change places.
set -eu

if [ "$NODE" != "$PRIMARY" ] && [ -s "$PGDATA/PG_VERSION" ] && [ ! -e "$PGDATA/standby.signal" ]; then
  # Two primaries would each take events that the other never sees.
  echo "$NODE has been a primary, and now $PRIMARY is: remove the volume of $NODE, and it begins again as a copy" >&2
  exit 1
fi
if [ "$NODE" != "$PRIMARY" ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  chmod 700 "$PGDATA"
  until pg_basebackup --dbname "host=$PRIMARY user=replicator password=$POSTGRES_PASSWORD application_name=$NODE" \
    --pgdata "$PGDATA" --write-recovery-conf --checkpoint fast; do
    echo "$PRIMARY cannot be copied yet" >&2
    sleep 2
  done
fi
# What a follower may miss and still catch up with; beyond it, it begins again as a copy.
exec docker-entrypoint.sh postgres -c wal_keep_size=1GB
