"""Prints what a pyproject.toml depends on, a requirement a line."""
import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    described = tomllib.load(file)
project = described.get("project", {})
if "dependencies" in project.get("dynamic", []):
    sys.exit("pyproject.toml leaves its dependencies to a build backend: name them in requirements.txt, or in [project] dependencies")
if "dependencies" not in project and "dependencies" in described.get("tool", {}).get("poetry", {}):
    sys.exit("pyproject.toml has its dependencies in [tool.poetry]: name them in [project] dependencies, or export requirements.txt")
print("\n".join(project.get("dependencies", [])))
