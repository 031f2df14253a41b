#!/usr/bin/env bash
# Installs the receivers' libraries into the cache of the test peers, once, and prints the Python that has them. Whoever has
# no Python, or reaches no package index, is told so and gets a status other than 0: the tests that want it are skipped.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v python3 >/dev/null || { echo "python3 is missing" >&2; exit 1; }

key=$(cat "$here/requirements.txt" <(python3 --version) | sha256sum | cut -c1-16)
cache="${IMAGE_WATCHER_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/image-watcher-test}"
folder="$cache/receivers-$key"
mkdir -p "$cache"
exec 9>"$cache/receivers.lock"
flock 9 # two runs side by side install once

if [ ! -e "$folder/done" ]; then
  echo "installing the receivers' libraries (once)" >&2
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --retries 1 --timeout 20 \
    --no-deps --requirement "$here/requirements.txt" >&2
  touch "$folder/done"
fi
echo "$folder/bin/python"
