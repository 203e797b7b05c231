#!/usr/bin/env bash
# Builds what a release has for this machine into a folder: wheel, sdist, archives, the packaged crate, and SHA256SUMS of
# them. In: the folder; Rust, a C compiler, Python 3.8 or newer with venv, and what `pip install` needs. Everything is built
# by the release profile; CARGO_PROFILE_RELEASE_… change it, as for a quicker build that is only tried out.
set -euo pipefail

[[ $# -eq 1 ]] || { echo "usage: packaging/build.sh FOLDER" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
[[ -z $(ls -A "$out") ]] || { echo "$out is not empty" >&2; exit 2; }
cd "$root"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
PATH=$place/venv/bin:$place/venv/Scripts:$PATH
target=$(rustc -vV | sed -n 's/^host: //p')

# On Linux zig links against the glibc of 2014, so that the wheel and the archive run wherever Rust's own library does.
tools=('maturin>=1.8,<2')
arguments=
case $target in
  *-linux-gnu)
    tools+=('ziglang>=0.13,<0.18')
    arguments='--zig --compatibility manylinux2014'
    ;;
esac
pip install --quiet "${tools[@]}"
MATURIN_PEP517_ARGS=$arguments pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$out" .
maturin sdist --out "$out"

# The archive has the program of the wheel.
python - "$out"/*.whl "$place" <<'PYTHON'
import pathlib, sys, zipfile
wheel, place = sys.argv[1:]
with zipfile.ZipFile(wheel) as members:
    (program,) = [name for name in members.namelist() if ".data/scripts/" in name]
    path = pathlib.Path(place, pathlib.PurePosixPath(program).name)
    path.write_bytes(members.read(program))
    path.chmod(0o755)
PYTHON
program=$(ls "$place"/wandward*)
python packaging/archive.py "$program" "$target" "$out"

# And one that needs nothing of the system. It resolves no names where the system has another glibc, so it is for scans.
case $target in
  *-linux-gnu)
    RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" cargo build --release --locked --quiet --target "$target"
    built=$(cargo metadata --no-deps --format-version 1 | python -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    python packaging/archive.py "$built/$target/release/wandward" "${target%-gnu}-static" "$out"
    ;;
esac

cargo package --locked --quiet --no-verify --allow-dirty
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
built=$(cargo metadata --no-deps --format-version 1 | python -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
cp "$built/package/wandward-$version.crate" "$out"

python - "$out" <<'PYTHON'
import hashlib, pathlib, sys
folder = pathlib.Path(sys.argv[1])
lines = ["{}  {}\n".format(hashlib.sha256(path.read_bytes()).hexdigest(), path.name) for path in sorted(folder.iterdir())]
(folder / "SHA256SUMS").write_bytes("".join(lines).encode())
PYTHON
