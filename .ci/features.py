#!/usr/bin/env python3
"""Prints the features of the package, one a line, without the groups `default` and `full`."""

import json
import subprocess

metadata = subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"])
(package,) = json.loads(metadata)["packages"]
print("\n".join(sorted(set(package["features"]) - {"default", "full"})))
