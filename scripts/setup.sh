# Sourced by scripts/demo, scripts/test and scripts/bench: installs what is missing, and nothing twice.
# Debian packages by apt; Python packages into .venv from a lock file with hashes. No network host is named here.

say() { printf '%s\n' "$*" >&2; }

# need_packages PACKAGE...: install the Debian packages that are not there yet.
need_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    say "Installing Debian packages:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { say "Found no sudo, expected root or sudo. Install as root:$missing"; return 1; }
        as_root=sudo
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list of names
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
}

# need_python LOCK: a .venv with exactly the packages of scripts/LOCK, and this checkout.
need_python() {
    stamp=".venv/.holds-$(cat "scripts/$1" pyproject.toml | sha256sum | cut -c1-16)"
    [ -e "$stamp" ] && return 0
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Found $(python3 --version), expected Python 3.11 or newer."; return 1; }
    say "Installing Python packages from scripts/$1 into .venv"
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "scripts/$1" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
    : >"$stamp"
}
