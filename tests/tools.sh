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

# The OpenID provider of tests/oidc-provider, with the packages of its lock file; node where there is none of use.
needs_oidc_provider() {
    local packages=tests/oidc-provider
    if ! command -v npm >/dev/null; then
        printf 'installing npm, for the OpenID provider\n'
        as_root apt-get -qq update
        as_root apt-get -qq install --yes npm
    fi
    if [ ! -x .tools/node/node_modules/.bin/node ] && ! node -e 'process.exit(Number(parseInt(process.versions.node) < 20))'; then
        printf 'installing node 22 into .tools/node, for the OpenID provider\n'
        npm install --silent --no-audit --no-fund --prefix .tools/node node@22
    fi
    if ! cmp --silent $packages/package-lock.json $packages/node_modules/.installed; then
        printf 'installing %s into %s/node_modules, for the OpenID provider\n' \
            "$(sed -n '/"dependencies"/,/}/s/.*"\(.*\)": "\(.*\)".*/\1 \2/p' $packages/package.json | paste -sd,)" $packages
        npm ci --silent --no-audit --no-fund --prefix $packages
        cp $packages/package-lock.json $packages/node_modules/.installed
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
