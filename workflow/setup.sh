#!/usr/bin/env bash
# Make the local environment from pinned, hashed requirements: setup.sh PYTHON VENV REQUIREMENTS
set -euo pipefail
python=$1 venv=$2 requirements=$3
# The first says that the environment may be cleared, the second that it must be: pip takes for installed what was broken off.
made=$venv/.made-by-setup unfinished=$venv/.unfinished

refuse() {
    echo "setup: $1" >&2
    exit 1
}

works() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

[ -n "$python" ] || refuse "Python 3.11 or 3.12 with venv is needed and none was found: install it (apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12"
if [ -e "$unfinished" ] || ! works; then
    if [ -e "$made" ]; then
        echo "setup: $venv was broken off or lost its Python: making it anew"
        find "$venv" -mindepth 1 ! -path "$made" -delete
    elif [ -e "$venv" ]; then
        refuse "$venv has no working pip, and setup did not make it: move it away and call make again"
    fi
    free_gb=$(df --output=avail -BG . | tail -1 | tr -dc 0-9)
    [ "$free_gb" -ge 14 ] || refuse "the environment takes about 10 GB and only ${free_gb} GB are free here: free some and call make again"
    mkdir -p "$venv"
    touch "$made"
    "$python" -m venv "$venv"
fi
echo "setup: installing the packages of $requirements into $venv (once; several GB, some minutes)"
[ ! -e "$made" ] || touch "$unfinished"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements" ||
    refuse "pip failed, as it says above (without a network nothing can be installed): call make again when the cause is gone"
rm -f "$unfinished"

# OpenCV draws and reads videos through these system libraries, which a bare Debian or Ubuntu lacks.
if ! "$venv/bin/python" -c "import cv2" 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "setup: installing the system libraries libgl1 and libglib2.0-0 that OpenCV needs"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libgl1 libglib2.0-0 >/dev/null
    fi
    "$venv/bin/python" -c "import cv2" || refuse "OpenCV lacks system libraries; install them: sudo apt-get install libgl1 libglib2.0-0"
fi
