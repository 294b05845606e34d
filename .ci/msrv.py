#!/usr/bin/env python3
"""Checks that no locked dependency of the library demands a newer Rust than the library promises.

`--version` prints the promised version and checks nothing. Dependencies of the tests are not looked at: they do not
reach users.
"""

import json
import subprocess
import sys

METADATA = ["cargo", "metadata", "--all-features", "--locked", "--format-version", "1"]


def number(version):
    parts = [int(part) for part in version.split(".")]
    return parts + [0] * (3 - len(parts))


def library(metadata):
    """The ids of the packages that a user of the library compiles, on any platform."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, left = set(), [metadata["resolve"]["root"]]
    while left:
        node = nodes[left.pop()]
        if node["id"] not in found:
            found.add(node["id"])
            left += [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
    return found


def main():
    metadata = json.loads(subprocess.check_output(METADATA))
    packages = {package["id"]: package for package in metadata["packages"]}
    promised = packages[metadata["resolve"]["root"]]["rust_version"]
    if "--version" in sys.argv:
        print(promised)
        return 0
    inside = [packages[package] for package in library(metadata)]
    demanding = [package for package in inside if package["rust_version"]]
    newer = [package for package in demanding if number(package["rust_version"]) > number(promised)]
    print(f"{len(inside)} packages, {len(demanding)} of them name a Rust version, {len(newer)} one above {promised}")
    for package in newer:
        print(f"error: {package['name']} {package['version']} demands Rust {package['rust_version']}", file=sys.stderr)
    return 1 if newer else 0


if __name__ == "__main__":
    sys.exit(main())
