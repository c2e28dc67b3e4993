#!/bin/sh
# Make .venv with the Python given. Debian's python3 comes without the venv module: as root it is installed.
set -eu
python=$1
if ! "$python" -m venv --clear .venv 2>/dev/null; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    else
        echo "This Python has no venv module. On Debian and Ubuntu type: sudo apt-get install python3-venv"
        exit 1
    fi
    "$python" -m venv --clear .venv
fi
