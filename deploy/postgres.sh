#!/bin/sh
# Run once by the postgres image, when it makes its data directory: the database `events`, and for the services a role
# that owns it and nothing else. The superuser is left without a password, so it exists inside the container only:
# docker compose exec postgres psql --username postgres events
set -eu
psql --set ON_ERROR_STOP=1 --no-psqlrc --username postgres <<'SQL'
\getenv password POSTGRES_PASSWORD
CREATE ROLE anchore LOGIN PASSWORD :'password';
CREATE DATABASE events OWNER anchore;
ALTER ROLE postgres PASSWORD NULL;
SQL
