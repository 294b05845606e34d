#!/usr/bin/env python3
"""Checks that what must not compile does not, and for the reason that is kept beside it.

    tests/compile_fail/run.py            compare
    tests/compile_fail/run.py --bless    write the messages anew

Each `examples/NAME.rs` must fail as `examples/NAME.stderr` says; `control.rs` must compile. Messages change between
versions of the compiler: they are compared by the one noted in `compiler`, and by any other the error codes alone, which
do not. One call of cargo checks all examples, in the target folder of everything else.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
EXAMPLES = HERE / "examples"
CONTROL = "control"


def compiler() -> str:
    """Such as 1.95."""
    version = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    return ".".join(version.split()[1].split(".")[:2])


def check() -> dict[str, list[dict]]:
    """The errors of each example."""
    command = ["cargo", "check", "--locked", "--quiet", "--keep-going", "--examples", "--message-format=json"]
    environment = os.environ | {"CARGO_TERM_COLOR": "never"}
    ran = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
    errors: dict[str, list[dict]] = {}
    compiled = set()
    for line in ran.stdout.splitlines():
        told = json.loads(line)
        kind = told.get("target", {}).get("kind")
        if kind == ["example"] and told["reason"] == "compiler-artifact":
            compiled.add(told["target"]["name"])
        elif told["reason"] == "compiler-message" and told["message"]["level"] == "error":
            if kind != ["example"]:
                sys.exit(told["message"]["rendered"])
            errors.setdefault(told["target"]["name"], []).append(told["message"])
    if CONTROL not in compiled | errors.keys():
        sys.exit(ran.stderr)
    return errors


def rendered(messages: list[dict]) -> str:
    """The messages without what changes from place to place: folders, and line numbers in the library."""
    texts = [message["rendered"] for message in messages if not message["message"].startswith("aborting due to")]
    text = "".join(texts).replace(str(REPOSITORY), "$REPOSITORY")
    text = re.sub(r"\S*/lib/rustlib/src/rust/", "$RUST/", text)
    text = re.sub(r"(\$(?:REPOSITORY|RUST)/\S+?):\d+:\d+", r"\1", text)
    text = re.sub(r"(?m)^ *(?:\d+ *)?(?=[|=]|-->|:::)|^\d+ (?=[~+-] )", "", text)
    text = re.sub(r"(?m)^= note: (?:the full name for the type has been|consider using `--verbose` to print).*\n", "", text)
    return re.sub(r"(?m)[ \t]+$", "", text).rstrip("\n") + "\n"


def codes(text: str) -> list[str]:
    return sorted(re.findall(r"^error\[(E\d+)\]", text, re.MULTILINE))


def main() -> None:
    bless = sys.argv[1:] == ["--bless"]
    noted_in = HERE / "compiler"
    version = compiler()
    if bless:
        noted_in.write_text(version + "\n")
    noted = noted_in.read_text().strip()
    errors = check()
    names = sorted(path.stem for path in EXAMPLES.glob("*.rs"))
    orphans = {path.stem for path in EXAMPLES.glob("*.stderr")} - set(names)
    wrong = [f"{name}.stderr: there is no such example" for name in sorted(orphans)]
    for name in names:
        told = rendered(errors.get(name, []))
        kept = EXAMPLES / f"{name}.stderr"
        if name == CONTROL:
            if name in errors:
                wrong.append(f"{name} has to compile:\n{told}")
        elif name not in errors:
            wrong.append(f"{name} compiles")
        elif bless:
            kept.write_text(told)
        elif not kept.exists():
            wrong.append(f"{name} has no message kept; it says:\n{told}")
        elif codes(told) != codes(kept.read_text()):
            wrong.append(f"{name} fails with {codes(told)}, not {codes(kept.read_text())}:\n{told}")
        elif version == noted and told != kept.read_text():
            wrong.append(f"{name} fails with another message:\n{told}")
    if wrong:
        sys.exit("\n".join(wrong))
    compared = "messages" if version == noted else f"error codes alone; the messages are those of Rust {noted}"
    print(f"{len(names) - 1} examples do not compile, as they must not. Compared: {compared}")


if __name__ == "__main__":
    main()
