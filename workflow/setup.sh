#!/usr/bin/env bash
# Make the local environment from pinned, hashed requirements: setup.sh PYTHON VENV REQUIREMENTS
set -euo pipefail
python=$1 venv=$2 requirements=$3

if [ -z "$python" ]; then
    echo "setup: Python 3.11 or 3.12 with venv is needed and none was found: install it (apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi
free_gb=$(df --output=avail -BG . | tail -1 | tr -dc 0-9)
if [ ! -x "$venv/bin/python" ] && [ "$free_gb" -lt 14 ]; then
    echo "setup: the environment takes about 10 GB and only ${free_gb} GB are free here: free some and call make again" >&2
    exit 1
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setup: installing the packages of $requirements into $venv (once; several GB, some minutes)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"

# OpenCV draws and reads videos through these system libraries, which a bare Debian or Ubuntu lacks.
if ! "$venv/bin/python" -c "import cv2" 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing the system libraries libgl1 and libglib2.0-0 that OpenCV needs"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libgl1 libglib2.0-0 >/dev/null
    fi
    if ! "$venv/bin/python" -c "import cv2"; then
        echo "setup: OpenCV lacks system libraries; install them: sudo apt-get install libgl1 libglib2.0-0" >&2
        exit 1
    fi
fi
