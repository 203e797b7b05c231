#!/usr/bin/env bash
# Runs `wandward ci`, which reads the event and sets the outputs. In: WANDWARD_… as action.yml sets them. Out: its exit code.
set -euo pipefail

arguments=(ci "--fail-on=$WANDWARD_FAIL_ON")
# Adds an option if its input says something; with `=`, so that no value is taken for an option.
option() { if [[ -n $2 ]]; then arguments+=("$1=$2"); fi; }
flag() {
  case $2 in
    true) arguments+=("$1") ;;
    false | '') ;;
    *) printf '::error title=wandward::the input for %s is neither true nor false\n' "$1"; exit 2 ;;
  esac
}
option --config "$WANDWARD_CONFIG"
option --baseline "$WANDWARD_BASELINE"
option --select "$WANDWARD_SELECT"
option --ignore "$WANDWARD_IGNORE"
flag --allow-partial "$WANDWARD_ALLOW_PARTIAL"
flag --verify "$WANDWARD_VERIFY"
while IFS= read -r line; do
  line=${line%$'\r'}
  option --output "$line"
done <<< "$WANDWARD_OUTPUT"
while IFS= read -r line; do
  line=${line%$'\r'}
  if [[ -n $line ]]; then arguments+=("$line"); fi
done <<< "$WANDWARD_ARGS"

# Each step of a job has its own reports.
RUNNER_TEMP=$(mktemp -d "${RUNNER_TEMP:-/tmp}/wandward.XXXXXX")
export RUNNER_TEMP
exec "$WANDWARD_BINARY" "${arguments[@]}" -- "$WANDWARD_PATH"
