#!/usr/bin/env python3
"""Reads `go test -json` and prints it as go test does: a line a package, the output of
what failed. Ends non-zero when a test failed or was skipped."""
import json
import sys

output, failed, skipped, passed = {}, [], [], 0
for line in sys.stdin:
    try:
        event = json.loads(line)
    except ValueError:
        print(line, end="")
        continue
    key = (event.get("Package", event.get("ImportPath", "")), event.get("Test", ""))
    action = event.get("Action")
    if action in ("output", "build-output"):
        output.setdefault(key, []).append(event.get("Output", ""))
    elif action == "fail":
        failed.append(key)
    elif action == "skip" and key[1]:
        skipped.append(key)
    elif action == "pass" and key[1]:
        passed += 1
    if action in ("pass", "fail", "skip") and not key[1]:
        for text in output.get(key, []):
            if text.startswith(("ok", "FAIL", "?", "---", "panic")):
                print(text, end="")
for key in failed:
    print("".join(output.get(key, [])), end="")
for key in output:
    if not key[1] and ".test" in key[0] or " " in key[0]:
        print("".join(output[key]), end="")
for package, test in skipped:
    print(f"SKIPPED {package} {test}")
print(f"{passed} passed, {len([k for k in failed if k[1]])} failed, {len(skipped)} skipped")
sys.exit(1 if failed or skipped else 0)
