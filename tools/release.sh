#!/usr/bin/env bash
# Makes what a release consists of: for each processor the two functions as zips and a template that names them, and for all of
# them a bill of materials (CycloneDX) and checksums. .github/workflows/release.yml runs this and nothing else.
#
#   tools/release.sh [FOLDER]         the folder, dist unless named, is made anew
#   ARCHITECTURES="x86_64 arm64"      arm64 needs COMPILER=cargo-zigbuild and `rustup target add aarch64-unknown-linux-gnu`
#   COMPILER=cargo | cargo-zigbuild   the latter links against Lambda's C library, whatever this machine has
#   PYTHON=.venv/build/bin/python     one with what tests/requirements/build.txt pins
#   TAG=v1.2.3                        fails unless that is the version
#
# The same commit and the same tools make the same bytes, in whatever folder: docs/delivery.md.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
OUT=${1:-dist}
ARCHITECTURES=${ARCHITECTURES:-x86_64}
COMPILER=${COMPILER:-cargo}
PYTHON=${PYTHON:-python3}

VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
if [ -n "${TAG:-}" ] && [ "$TAG" != "v$VERSION" ]; then
  echo "the tag is $TAG and Cargo.toml says $VERSION" >&2
  exit 1
fi

# What is in the files, and not when they were made.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# Files that a build makes get the same rights everywhere.
umask 022
# Panic messages name source files: without the folders of this machine. Incremental builds are not the same each time.
export CARGO_INCREMENTAL=0
CARGO_FILES=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$ROOT=/desk-handoff --remap-path-prefix=$CARGO_FILES=/cargo"

build() {
  case $COMPILER in
    cargo)
      cargo build --locked --release --package desk-handoff --bins --target "$1" --target-dir target/dist
      ;;
    cargo-zigbuild)
      # The C library of provided.al2023, as tests/template/glibc.py has it.
      cargo lambda build --locked --release --package desk-handoff --bins --compiler cargo-zigbuild \
        --target "$1.2.34" --target-dir target/dist
      ;;
    *)
      echo "COMPILER is $COMPILER" >&2
      exit 1
      ;;
  esac
}

rm -rf "$OUT"
mkdir -p "$OUT"
for architecture in $ARCHITECTURES; do
  case $architecture in
    x86_64) target=x86_64-unknown-linux-gnu ;;
    arm64) target=aarch64-unknown-linux-gnu ;;
    *)
      echo "ARCHITECTURES has $architecture" >&2
      exit 1
      ;;
  esac
  build "$target"
  "$PYTHON" tests/template/glibc.py "target/dist/$target/release/api" "target/dist/$target/release/worker"
  for name in api worker; do
    "$PYTHON" tools/package.py zip "target/dist/$target/release/$name" "$OUT/desk-handoff-$name-$architecture.zip"
  done
  "$PYTHON" tools/package.py template template.yaml "$architecture" "$OUT/template-$architecture.yaml"
done
"$PYTHON" tools/sbom.py "$VERSION" "$OUT/desk-handoff.cdx.json"
"$PYTHON" tools/check_sbom.py "$OUT/desk-handoff.cdx.json"
cp LICENSE-MIT LICENSE-APACHE "$OUT"

cd "$OUT"
LC_ALL=C sha256sum -- * > SHA256SUMS
cat SHA256SUMS
