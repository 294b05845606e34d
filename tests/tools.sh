# Sourced: installs the programs that tests and checks need into .tools/, which git ignores.

PATH=$PWD/.tools/venv/bin:$PATH

# needs PROGRAM REQUIREMENTS: installs the Python packages of that file unless PROGRAM can be found.
needs() {
    if command -v "$1" >/dev/null; then
        return
    fi
    printf 'installing %s into .tools/venv, for %s\n' "$(grep -v '^#' "$2" | xargs)" "$1"
    [ -x .tools/venv/bin/pip ] || make_venv
    .tools/venv/bin/pip install --quiet --disable-pip-version-check --requirement "$2"
}

make_venv() {
    if ! python3 -m venv .tools/venv; then
        printf 'installing python3-venv\n'
        as_root apt-get -qq update
        as_root apt-get -qq install --yes python3-venv
        python3 -m venv --clear .tools/venv
    fi
}

# needs_system PROGRAM PACKAGE: installs a package of the system unless PROGRAM can be found. A service that comes with it
# is not started: tests start their own.
needs_system() {
    if command -v "$1" >/dev/null; then
        return
    fi
    printf 'installing %s of the system, for %s\n' "$2" "$1"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install --yes "$2"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
