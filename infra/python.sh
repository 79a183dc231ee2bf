#!/bin/sh
# python.sh [PYTHON [SYSTEM]]
# Prints the Python that `make setup` uses: python3, or the system's where python3 is not fit or was built without
# --enable-optimizations, as pyenv does: a sync takes a tenth more CPU there. Distributions build theirs with it.
fit='import ensurepip, sys, sysconfig, venv
from pathlib import Path
sys.exit(sys.version_info < (3, 11) or not Path(sysconfig.get_path("include"), "Python.h").exists())'
plain='import sys, sysconfig
sys.exit("--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""))'

system=${2:-/usr/bin/python3}
python=${1:-$(command -v python3 || echo "$system")}

is() { "$1" -c "$2" 2>/dev/null; }

if [ "$python" != "$system" ] && is "$system" "$fit"; then
    if ! is "$python" "$fit" || is "$python" "$plain"; then python=$system; fi
fi
echo "$python"
