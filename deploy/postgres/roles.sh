#!/bin/sh
# Gives each of $SERVICES a role of its own, with the password in $<SERVICE>_PASSWORD, that may make its schema in
# the database $PGDATABASE. Its tables are then its own: no other service's role may read them. Can be repeated.
set -eu

for service in $SERVICES; do
  upper=$(printf %s "$service" | tr '[:lower:]' '[:upper:]')
  eval "password=\$${upper}_PASSWORD"
  psql -q -X -v ON_ERROR_STOP=1 -v role="acm_$service" -v password="$password" -v database="$PGDATABASE" <<'END'
SELECT format('CREATE ROLE %I', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password';
GRANT CONNECT, CREATE ON DATABASE :"database" TO :"role";
END
done
psql -q -X -v ON_ERROR_STOP=1 -v database="$PGDATABASE" <<'END'
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
END
echo "roles: every service has its role"
