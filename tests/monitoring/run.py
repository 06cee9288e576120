"""The alert rules, with promtool: each fires when it should and not before, and the dashboard's queries are PromQL."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "envoy/monitoring"
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$instance": ".*", "$route": ".*"}


def queries():
    """The dashboard's queries as Grafana would send them."""
    dashboard = json.loads((SHIPPED / "grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for name, value in VARIABLES.items():
        found = [query.replace(name, value) for query in found]
    return found


def as_rules(found):
    """Rules that promtool checks: JSON is YAML."""
    return json.dumps({"groups": [{"name": "dashboard", "rules": [{"record": f"dashboard:{at}", "expr": query} for at, query in enumerate(found)]}]})


def promtool(*arguments):
    done = subprocess.run(["promtool", *(str(argument) for argument in arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")


def main():
    if not shutil.which("promtool"):
        sys.exit("make test-alerts: promtool is not on the path; it comes with Prometheus (Debian and Ubuntu: apt install prometheus)")
    found = queries()
    assert len(found) > 20, found
    with tempfile.TemporaryDirectory() as directory:
        rules = pathlib.Path(directory) / "dashboard.yaml"
        rules.write_text(as_rules(found))
        promtool("check", "rules", rules)
    promtool("check", "config", SHIPPED / "prometheus.yaml")
    promtool("check", "rules", SHIPPED / "alerts.yaml")
    tests = sorted(HERE.glob("alerts*.yaml"))
    promtool("test", "rules", *tests)
    print(f"alert rules: {len(tests)} files of tests passed; {len(found)} queries of the dashboard are PromQL")


if __name__ == "__main__":
    main()
