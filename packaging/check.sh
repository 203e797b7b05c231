#!/usr/bin/env bash
# Whether what was built may be published under a tag. In: the tag, the folder with what was built and its SHA256SUMS, the
# commit that it was built from; the work tree has the tag checked out. Out: exit 1 and why, if anything does not fit.
set -euo pipefail

[[ $# -eq 3 ]] || { echo "usage: packaging/check.sh TAG FOLDER COMMIT" >&2; exit 2; }
tag=$1 folder=$2 built=$3
fail() { printf '%s\n' "$*" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[[ $tag == "v$version" ]] || fail "the tag $tag is not of version $version"
grep -q "^## $version" CHANGELOG.md || fail "CHANGELOG.md says nothing of $version"

# The archives, and no others, are what the Action of this tag fetches.
(cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) || fail "what is in $folder is not what SHA256SUMS says"
grep ' wandward-v.*\.tar\.gz$' "$folder/SHA256SUMS" > /dev/null || fail "$folder has no archive"
grep ' wandward-v.*\.tar\.gz$' "$folder/SHA256SUMS" | diff - <(grep -v '^#' action/checksums.txt) \
  || fail "action/checksums.txt does not have the lines of SHA256SUMS"
unlisted=$(cd "$folder" && for file in wandward*; do grep -qF "  $file" SHA256SUMS || printf '%s ' "$file"; done)
[[ -z $unlisted ]] || fail "SHA256SUMS does not have: $unlisted"

# These lines are all that is new since it was built.
git merge-base --is-ancestor "$built" HEAD || fail "$built, from which it was built, is not in the history of $tag"
changed=$(git diff --name-only "$built" HEAD | grep -vx 'action/checksums.txt' || true)
[[ -z $changed ]] || fail "changed since it was built: $changed"
