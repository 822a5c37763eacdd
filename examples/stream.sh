#!/bin/sh
# Streams an answer through Tallygate with curl: examples/stream.sh [model] [question]
#
# Each line `data: {...}` is a chunk. The last one is `data: [DONE]` when the answer is whole; when it broke off, it is
# an object with `error` instead. A line that begins with a colon only says that the gateway is still there.
set -eu

key=${TALLYGATE_API_KEY:-$(cat .tallygate/admin.key)}
curl --no-buffer --silent --show-error "${TALLYGATE_URL:-http://127.0.0.1:8000}/v1/chat/completions" \
  -H "Authorization: Bearer $key" -H 'content-type: application/json' \
  -d "{\"model\": \"${1:-auto}\", \"stream\": true, \"stream_options\": {\"include_usage\": true},
       \"messages\": [{\"role\": \"user\", \"content\": \"${2:-Say hello.}\"}]}"
