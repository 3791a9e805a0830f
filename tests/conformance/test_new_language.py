"""A new language is one folder: the template, filled in for a small shell-script language, passes the conformance suite with no other file changed."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, binary  # noqa: E402

FIXTURE = r"""
request=$(cat)
field() { printf '%s' "$request" | sed -n "s/.*\"input\":{[^}]*\"$1\": *\"\{0,1\}\([^\",}]*\)\"\{0,1\}.*/\1/p"; }
raw() { printf '%s' "$request" | sed -n 's/.*"input":{"action": *"echo", *"value": *\(.*\)},"context":.*/\1/p'; }
answer() { printf '{"request_id":"x","success":true,"output":%s,"logs":[%s],"duration_ms":0}\n' "$1" "${2:-}"; }
case $(field action) in
  echo) answer "$(raw)" ;;
  throw) printf '{"request_id":"x","success":false,"error":{"code":"FUNCTION_ERROR","message":"boom"}}\n' ;;
  exit) echo dying >&2; exit "$(field code)" ;;
  signal) kill -"$(field signal)" $$ ;;
  garbage) echo 'a hint' >&2; echo 'this is not json' ;;
  silence) ;;
  hang) sleep 1000 ;;
  sleep) sleep "0.$(printf %03d "$(field ms)")"; answer "{\"slept\":$(field ms)}" ;;
  log) answer '"logged"' "{\"level\":\"warn\",\"message\":\"$(field message)\"}" ;;
  env) eval "answer \"\\\"\$$(field name)\\\"\"" ;;
  large) answer "\"$(head -c "$(field size)" /dev/zero | tr '\0' x)\"" ;;
  *) exit 9 ;;
esac
"""


def test_the_template_filled_in_is_a_language(tmp_path):
    folder = tmp_path / "runtimes" / "minish"
    shutil.copytree(ROOT / "runtimes" / "_template", folder)
    manifest = (folder / "runtime.yaml").read_text()
    for blank, filled in (("name: NAME ", "name: minish "), (".ext", ".minish"), ("binary: [name]", "binary: [sh]"),
                          ("args: [--version], pattern: \"([0-9.]+)\"", "args: [-c, 'echo 1.0'], pattern: \"([0-9.]+)\"")):
        assert blank in manifest
        manifest = manifest.replace(blank, filled)
    (folder / "runtime.yaml").write_text(manifest)
    (folder / "fixture" / "stdio.minish").write_text(FIXTURE)
    environment = {**os.environ, "TRIVET_RUNTIMES": str(tmp_path / "runtimes"), "TRIVET_ONLY_RUNTIME": "minish", "TRIVET_BIN": binary(), "TRIVET_MATRIX": ""}
    suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "conformance" / "test_conformance.py")]
    done = subprocess.run(suite, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    row = next(line for line in done.stdout.splitlines() if line.startswith("minish"))
    form, (passed, failed, skipped) = row.split()[1:3], (int(n) for n in row.split()[3:6])
    assert form == ["stdio", "oneshot"] and passed >= 20 and failed == 0 and skipped == 0, row
