#!/usr/bin/env bash
# Finds or installs the program. In: WANDWARD_… as action.yml sets them. Out: its path, as the output `binary`.
# In this order: the one that is named; one on the search path of just that version; the archive of a release, if its
# SHA-256 is the one that is known beforehand; a build from source. A wrong checksum is the end: nothing else is tried.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
fail() {
  printf '::error title=wandward::%s\n' "$(printf '%s' "$*" | tr '\r\n' '  ')"
  exit 2
}
found() {
  # A line of its own in the file must stay one.
  case $1 in *$'\n'* | *$'\r'*) fail "the path of the program has a line break in it" ;; esac
  printf 'binary=%s\n' "$1" >> "$GITHUB_OUTPUT"
  printf 'wandward: %s\n' "$2"
  exit 0
}

own=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/Cargo.toml" | head -n 1)
version=${WANDWARD_VERSION:-$own}
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || fail "the input \`version\` is no X.Y.Z"

if [[ -n ${WANDWARD_BINARY:-} ]]; then
  binary=$(command -v -- "$WANDWARD_BINARY") || fail "the input \`binary\` names no program"
  found "$binary" "the program that the workflow names"
fi
if binary=$(command -v wandward) && [[ $("$binary" --version) == "wandward $version" ]]; then
  found "$binary" "version $version is installed"
fi

suffix=
case "${RUNNER_OS:-}-${RUNNER_ARCH:-}" in
  Linux-X64) target=x86_64-unknown-linux-gnu ;;
  Linux-ARM64) target=aarch64-unknown-linux-gnu ;;
  macOS-X64) target=x86_64-apple-darwin ;;
  macOS-ARM64) target=aarch64-apple-darwin ;;
  Windows-X64) target=x86_64-pc-windows-msvc suffix=.exe ;;
  *) target= ;;
esac
folder=wandward-v$version-$target
archive=$folder.tar.gz
place=$(mktemp -d "${RUNNER_TEMP:-/tmp}/wandward.XXXXXX")

# What the archive must be: as the workflow says, else as this tree says, which the ref of the Action pins.
wanted=${WANDWARD_SHA256:-}
if [[ -z $wanted && -n $target ]]; then
  wanted=$(awk -v name="$archive" '$2 == name { print $1 }' "$here/action/checksums.txt")
fi
if [[ -n $wanted ]]; then
  [[ $wanted =~ ^[0-9a-fA-F]{64}$ ]] || fail "the SHA-256 of $archive is not 64 hexadecimal digits"
  [[ -n $target ]] || fail "there is no archive for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown machine}"
elif [[ -n ${WANDWARD_ASSETS:-} ]]; then
  fail "this Action does not know the SHA-256 of $archive; give it as the input \`sha256\`"
fi

# Puts the archive where it is expected; 1 if there is none there.
fetch() {
  local assets=${WANDWARD_ASSETS:-}
  if [[ -z $assets ]]; then
    [[ -n ${WANDWARD_REPOSITORY:-} ]] || return 1
    assets=${GITHUB_SERVER_URL:-https://github.com}/$WANDWARD_REPOSITORY/releases/download/v$version
  fi
  case $assets in
    https://* | http://127.0.0.1:*)
      curl --fail --silent --show-error --location --proto '=https,http' --proto-redir '=https' --retry 3 \
        --max-time 300 --output "$place/$archive" -- "$assets/$archive"
      ;;
    *://*) fail "the input \`assets\` is neither a folder nor an https address" ;;
    *) [[ -f $assets/$archive ]] && cp -- "$assets/$archive" "$place/$archive" ;;
  esac
}

if [[ -n $wanted ]]; then
  if fetch; then
    if command -v sha256sum > /dev/null; then sum=sha256sum; else sum='shasum -a 256'; fi
    # shellcheck disable=SC2086 # a command and its arguments
    is=$($sum < "$place/$archive")
    is=${is%% *}
    wanted=$(printf '%s' "$wanted" | tr 'A-F' 'a-f')
    [[ $is == "$wanted" ]] || fail "$archive has the SHA-256 $is, and must have $wanted; it is not unpacked"
    tar -xzf "$place/$archive" -C "$place" "$folder/wandward$suffix"
    binary=$place/$folder/wandward$suffix
    [[ $("$binary" --version) == "wandward $version" ]] || fail "$archive holds another version than it says"
    found "$binary" "version $version from $archive, whose SHA-256 is the one that is known"
  fi
  [[ -z ${WANDWARD_ASSETS:-} ]] || fail "$archive is not where the input \`assets\` says"
  printf 'wandward: %s is not to be had; it is built from source\n' "$archive"
fi

command -v cargo > /dev/null || fail "there is no archive of version $version for this runner, and no cargo to build it"
if [[ $version == "$own" ]]; then
  cargo install --locked --quiet --root "$place" --path "$here"
else
  cargo install --locked --quiet --root "$place" --version "=$version" wandward
fi
found "$place/bin/wandward$suffix" "version $version, built from source"
