#!/bin/sh
# Compares our previews with those of sharp (libvips) and Pillow, for the tables in
# docs/previews.md: the difference of 50 pictures, and the CPU time of large ones.
#
#     crates/tools/bench/previews/compare.sh
#
# pip and npm install what it needs into target/previews. It takes some minutes.
set -eu
cd "$(dirname "$0")/../../../.."
here=$PWD/crates/tools/bench/previews
work=$PWD/target/previews
mkdir -p "$work/ours" "$work/pictures"
cargo build --release --package slipway-picture --example preview
cd "$work"
[ -d venv ] || python3 -m venv venv
venv/bin/pip install --quiet pillow==13.0.0 numpy
[ -d node_modules/sharp ] || npm install --no-audit --no-fund --prefix . sharp
venv/bin/pip download --quiet --no-deps --no-binary pillow pillow==13.0.0
tar xzf pillow-13.0.0.tar.gz pillow-13.0.0/Tests/images
venv/bin/python "$here/pictures.py" pillow-13.0.0/Tests/images pictures
PREVIEW_ROUNDS=5 ../release/examples/preview ours pictures/* > ours.tsv
cp "$here/theirs.mjs" .
node theirs.mjs pictures ours ours.tsv > theirs.tsv
venv/bin/python "$here/pillow_cpu.py" pictures
cat theirs.tsv
