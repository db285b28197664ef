#!/bin/sh
# Gives search, the only service that uses Elasticsearch, a role and a user of its own. Can be repeated.
# It speaks to $ELASTICSEARCH as `elastic` with $ELASTIC_PASSWORD; the user's password is $SEARCH_PASSWORD.
set -eu

put() { # PATH BODY
  printf '%s' "$2" | curl -fsS -o /dev/null -u "elastic:$ELASTIC_PASSWORD" -H 'Content-Type: application/json' \
    -X PUT --data-binary @- "$ELASTICSEARCH/_security/$1"
}
put role/acm-search '{"cluster": ["monitor"], "indices": [{"names": ["search-f*"], "privileges": ["all"]}]}'
put user/search "{\"password\": \"$SEARCH_PASSWORD\", \"roles\": [\"acm-search\"]}"
echo "users: search has its role and its user"
