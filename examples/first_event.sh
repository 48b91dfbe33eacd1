#!/usr/bin/env bash
# Five calls: an endpoint, a subscription, an event that matches, one that does not, their traces.
#
#   make up && examples/first_event.sh            (the local stack of .hooktrace/local.json)
#   API=https://... KEY=ht_... URL=https://... examples/first_event.sh     (a deployed stack)
#
# KEY must be an admin key, URL a place that takes the webhooks.
set -euo pipefail
cd "$(dirname "$0")/.."

STATE=.hooktrace/local.json
[ "${HOOKTRACE_PORT:-4566}" = 4566 ] || STATE=.hooktrace/local-$HOOKTRACE_PORT.json
state() { python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$1" "$STATE"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
show() { python3 -m json.tool --no-ensure-ascii; }

API=${API:-$(state api_url)}
KEY=${KEY:-$(state admin_key)}
URL=${URL:-$(state receiver_url)/orders}

call() {
  local method=$1 path=$2
  shift 2
  curl --silent --show-error --fail-with-body --noproxy 127.0.0.1 -X "$method" "$API$path" \
    -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"
}

endpoint=$(call POST /v1/endpoints -d '{"url": "'"$URL"'"}')
endpoint_id=$(field id <<<"$endpoint")
echo "endpoint      $endpoint_id, secret $(field secret <<<"$endpoint")"

subscription=$(call POST /v1/subscriptions -d '{
  "endpoint_id": "'"$endpoint_id"'",
  "event_types": ["order.*"],
  "filter": {"data": {"total": {"$gte": 100}, "customer.tier": "gold"}}
}')
echo "subscription  $(field id <<<"$subscription")"

big=$(call POST /v1/events -d '{
  "type": "order.created",
  "data": {"total": 182.40, "customer": {"tier": "gold"}}
}')
small=$(call POST /v1/events -d '{
  "type": "order.created",
  "data": {"total": 12.50, "customer": {"tier": "gold"}}
}')

for event in "$big" "$small"; do
  id=$(field id <<<"$event")
  for _ in $(seq 50); do
    trace=$(call GET "/v1/events/$id")
    case $(field status <<<"$trace") in
      accepted | delivering) sleep 0.2 ;;
      *) break ;;
    esac
  done
  echo
  echo "GET /v1/events/$id"
  show <<<"$trace"
done
