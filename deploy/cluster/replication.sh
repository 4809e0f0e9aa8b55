#!/bin/sh
# Run once by the postgres image on the first primary, after ../postgres.sh.
set -eu
psql --set ON_ERROR_STOP=1 --no-psqlrc --username postgres <<'SQL'
\getenv password POSTGRES_PASSWORD
CREATE ROLE replicator REPLICATION LOGIN PASSWORD :'password';
-- A commit is one when both servers have it on their disks: an event that the store has confirmed leaves its outbox, so
-- it must not die with one machine.
ALTER SYSTEM SET synchronous_standby_names = '*';
SQL
echo 'host replication replicator all scram-sha-256' >>"$PGDATA/pg_hba.conf"
